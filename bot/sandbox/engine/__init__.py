"""A small Docker engine whose containers are local processes. A stand-in, not Docker.

spec = ContainerSpec("db", ("sh", "-c", "sleep 60"), labels={"com.docker.compose.service": "db"})
with EngineServer("/tmp/sandbox/docker.sock") as engine:
    engine.add(spec)
    …  # DOCKER_HOST=engine.url; the docker command, its SDK and the bot talk to it
"""

from bot.sandbox.engine.container import Container, State
from bot.sandbox.engine.faults import EngineFault
from bot.sandbox.engine.server import EngineServer
from bot.sandbox.engine.spec import Account, ContainerSpec

__all__ = ["Account", "Container", "ContainerSpec", "EngineFault", "EngineServer", "State"]
