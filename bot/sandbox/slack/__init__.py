"""A local stand-in for a Slack workspace: Web API, Socket Mode, people to act as. Not Slack.

workspace = Workspace()
workspace.add_user("ana")
workspace.add_channel("ops")
with SlackServer(workspace) as server:
    …  # WebClient(base_url=server.api_url, token="xoxb-sandbox")
    Person(workspace, "ana").command("/restore latest", "ops")
"""

from bot.sandbox.slack.acting import ActionRefused, Person, Submission
from bot.sandbox.slack.deliveries import Delivery
from bot.sandbox.slack.seed import from_file, seeded
from bot.sandbox.slack.server import SlackServer
from bot.sandbox.slack.state import Workspace

__all__ = [
    "ActionRefused",
    "Delivery",
    "Person",
    "SlackServer",
    "Submission",
    "Workspace",
    "from_file",
    "seeded",
]
