"""The second witness: the log's heads in a file, or behind a webhook that is somebody else's."""

from bot.adapters.witness.file import FileWitness
from bot.adapters.witness.patient import PatientWitness
from bot.adapters.witness.webhook import WebhookWitness

__all__ = ["FileWitness", "PatientWitness", "WebhookWitness"]
