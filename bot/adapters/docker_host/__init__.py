"""The Docker engine as a :class:`~bot.core.ports.containers.ContainerHost`, over the docker SDK."""

from bot.adapters.docker_host.connection import TlsFiles
from bot.adapters.docker_host.host import DockerHost

__all__ = ["DockerHost", "TlsFiles"]
