"""The image of the Docker tests: PostgreSQL 17 with the guide's extensions, from Debian.

debootstrap unpacks Debian trixie into a directory, which is imported as an image. The tag carries
a hash of the recipe, so that a second session finds the first one's image. It holds TimescaleDB's
Apache edition: hypertables, chunks and workers, but no continuous aggregates and no policies.
"""

import fcntl
import hashlib
import io
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from docker import DockerClient
from docker.errors import APIError, DockerException, ImageNotFound

LABEL = "tsbot.test"
IMAGE_VARIABLE = "TSBOT_TEST_IMAGE"
SUITE = "trixie"
PACKAGES = (
    "postgresql-17",
    "postgresql-17-cron",
    "postgresql-17-pgvector",
    "postgresql-17-timescaledb",
    "postgresql-plpython3-17",
)
# Documentation and package lists, the cluster Debian makes on installing, and the JIT compiler
# (PostgreSQL does without it where its library is missing): two thirds of the size.
LEFT_OUT = (
    "./dev/*",
    "./usr/lib/*/libLLVM*",
    "./usr/lib/*/libz3*",
    "./usr/lib/postgresql/17/lib/bitcode",
    "./usr/lib/postgresql/17/lib/llvmjit*",
    "./usr/share/doc/*",
    "./usr/share/locale/*",
    "./usr/share/man/*",
    "./var/cache/apt/*",
    "./var/lib/apt/lists/*",
    "./var/lib/postgresql/17",
    "./var/log/*",
)
DOCKERFILE = f"""\
ENV PATH=/usr/lib/postgresql/17/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ENV PGDATA=/var/lib/postgresql/data LANG=C.UTF-8
ENTRYPOINT ["/usr/local/bin/docker-entrypoint.sh"]
CMD ["postgres"]
EXPOSE 5432
VOLUME /var/lib/postgresql/data
STOPSIGNAL SIGINT
LABEL {LABEL}=1
"""
ENTRYPOINT = Path(__file__).with_name("entrypoint.sh")
REPOSITORY = "tsbot-test-pg"


class ImageUnavailableError(Exception):
    """The tests' image is neither there nor to be had; the text says why and what helps."""


def chosen_image() -> str:
    """Name the image to test on: TSBOT_TEST_IMAGE, or the one this module makes."""
    return os.environ.get(IMAGE_VARIABLE) or f"{REPOSITORY}:{_recipe_hash()}"


def is_own_image(name: str) -> bool:
    """Tell whether *name* is made by this module rather than named by TSBOT_TEST_IMAGE."""
    return name.startswith(f"{REPOSITORY}:")


def ensure_image(client: DockerClient) -> str:
    """Return the name of an image that is on the engine, after making or pulling it if missing.

    Raises ImageUnavailableError.
    """
    name = chosen_image()
    with _one_at_a_time(name):
        if _exists(client, name):
            return name
        if is_own_image(name):
            _make(client, name)
        else:
            _pull(client, name)
    return name


def _recipe_hash() -> str:
    recipe = (SUITE, PACKAGES, LEFT_OUT, DOCKERFILE, ENTRYPOINT.read_text())
    return hashlib.sha256(repr(recipe).encode()).hexdigest()[:12]


@contextmanager
def _one_at_a_time(name: str) -> Iterator[None]:
    """Let a second session wait for the first one's image instead of making it twice."""
    lock = Path(tempfile.gettempdir()) / f"{name.replace('/', '_')}.{os.getuid()}.lock"
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _exists(client: DockerClient, name: str) -> bool:
    try:
        client.images.get(name)
    except ImageNotFound:
        return False
    return True


def _pull(client: DockerClient, name: str) -> None:
    try:
        client.images.pull(name)
    except APIError as error:
        raise ImageUnavailableError(
            f"{IMAGE_VARIABLE} names {name}, which is not on the engine and cannot be pulled "
            f"({error.explanation or error}); build or load it first"
        ) from error


def _make(client: DockerClient, name: str) -> None:
    remedy = f"run .ci/run as root once, or name another image in {IMAGE_VARIABLE}"
    if shutil.which("debootstrap") is None:
        raise ImageUnavailableError(f"{name} is made with debootstrap, which is missing: {remedy}")
    if os.geteuid() != 0:
        raise ImageUnavailableError(f"{name} is made with debootstrap, which needs root: {remedy}")
    # Not /tmp, which may be small, in memory or mounted nodev.
    root = Path(tempfile.mkdtemp(prefix=f"{REPOSITORY}-", dir="/var/tmp"))
    try:
        _bootstrap(root)
        _import(client, root, name)
    finally:
        _remove_tree(root)


def _bootstrap(root: Path) -> None:
    packages = ",".join(PACKAGES)
    argv = ["debootstrap", "--variant=minbase", f"--include={packages}", SUITE, str(root)]
    finished = subprocess.run(argv, capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        tail = " / ".join((finished.stdout + finished.stderr).splitlines()[-3:])
        raise ImageUnavailableError(f"debootstrap failed: {tail}")
    entrypoint = root / "usr/local/bin/docker-entrypoint.sh"
    shutil.copyfile(ENTRYPOINT, entrypoint)
    entrypoint.chmod(0o755)


def _import(client: DockerClient, root: Path, name: str) -> None:
    """Import the tree as a base image and build *name* on it: an import takes no STOPSIGNAL."""
    repository, tag = f"{name}-base".split(":")
    exclude = [f"--exclude={pattern}" for pattern in LEFT_OUT]
    argv = ["tar", "--create", "--numeric-owner", "--wildcards", *exclude, "-C", str(root), "."]
    try:
        with subprocess.Popen(argv, stdout=subprocess.PIPE) as tar:
            client.api.import_image_from_data(tar.stdout, repository=repository, tag=tag)
        if tar.returncode != 0:
            raise ImageUnavailableError(f"packing the tree of {name} failed")
        dockerfile = io.BytesIO(f"FROM {name}-base\n{DOCKERFILE}".encode())
        client.images.build(fileobj=dockerfile, tag=name, rm=True)
        client.images.remove(f"{name}-base", noprune=True)
    except DockerException as error:
        raise ImageUnavailableError(f"importing {name} failed: {error}") from error


def _remove_tree(root: Path) -> None:
    """Remove *root*, first unmounting what an interrupted debootstrap may have left mounted."""
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for mount in sorted((m for m in mounts if m.startswith(f"{root}/")), reverse=True):
        subprocess.run(["umount", mount], check=True)
    shutil.rmtree(root)
