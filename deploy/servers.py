"""Real servers on free loopback ports: `python -m deploy.servers up`.

Kafka comes from its jars (Maven), PostgreSQL and Redis from PATH, else from system packages. A new server is one class
and one line in SERVERS; its downloads and builds go through `deploy.cache.cached`. No server outlives the process that
started it.
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

import psutil

from deploy.cache import cached, locked

ROOT = Path(__file__).resolve().parent.parent
_START_S = 300.0
_STOP_S = 15.0
_PR_SET_PDEATHSIG = 1


class CannotStart(RuntimeError):
    """A server is missing or did not start; the message names the package, or holds the end of the log."""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def find(binary: str, package: str, folders: Sequence[str] = ()) -> str:
    """Path of a program: on PATH, in `folders` (glob patterns), else from the installed system package."""
    for attempt in range(2):
        if found := shutil.which(binary):
            return found
        for pattern in folders:
            if matches := sorted(Path("/").glob(f"{pattern.lstrip('/')}/{binary}")):
                return str(matches[-1])
        if attempt == 0 and os.geteuid() == 0 and shutil.which("apt-get"):
            _install(package)
    raise CannotStart(f"{binary} is not on PATH; install the system's package {package}")


def _install(package: str) -> None:
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    install = ["apt-get", "install", "--yes", "--no-install-recommends", package]
    with locked("apt-get"):  # it fails while another runs
        subprocess.run(["apt-get", "update"], check=False, **quiet)  # type: ignore[call-overload] # noqa: S607
        subprocess.run(install, check=False, **quiet)  # type: ignore[call-overload] # noqa: S603


def _started_by(process: subprocess.Popen[bytes] | None) -> list[psutil.Process]:
    if process is None or process.poll() is not None:
        return []
    return list(psutil.Process(process.pid).children(recursive=True))


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


class Server(ABC):
    """One server with its data folder, as a context manager; restarts keep port and data.

    Parameters
    ----------
    folder: of data and log; default: a temporary folder.
    port: default: a free one.
    """

    name: ClassVar[str]
    setting: ClassVar[str]

    def __init__(self, folder: Path | None = None, port: int | None = None) -> None:
        self._temporary = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix=f"alphaads-{self.name}-"))
        self.port = port or _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_prepared = False

    @property
    @abstractmethod
    def url(self) -> str:
        """The value of its setting."""

    @classmethod
    @abstractmethod
    def fetch(cls) -> None:
        """Make the binaries available. Raises CannotStart."""

    @abstractmethod
    def _prepare(self) -> None:
        """Make the data folder, once."""

    @abstractmethod
    def _command(self) -> list[str]:
        """The command line."""

    @abstractmethod
    def is_healthy(self) -> bool:
        """Whether it answers its protocol."""

    def _user(self) -> str | None:
        """The user to run as when started by root; None: root."""
        return None

    def start(self) -> Self:
        """Start and wait until it answers. Raises CannotStart."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self._is_prepared:
            self.fetch()
            self._prepare()
            self._is_prepared = True
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603
                self._command(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=_die_with_parent,
                user=self._user() if os.geteuid() == 0 else None,
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_S
        while not self.is_healthy():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise CannotStart(f"{self.name} did not start:\n{self._log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.1)
        return self

    def stop(self) -> None:
        """Shut down gracefully."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it and its child processes, which would otherwise end later."""
        started = _started_by(self._process)
        self._end(signal.SIGKILL)
        for each in started:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        while any(_is_alive(each) for each in started):
            time.sleep(0.01)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @property
    def _log(self) -> Path:
        return self.folder / f"{self.name}.log"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._temporary:
            shutil.rmtree(self.folder, ignore_errors=True)


class Kafka(Server):
    """Apache Kafka, one node in KRaft mode, from the jars that kafka/pom.xml names.

    Parameters
    ----------
    secure: properties of a second listener, SASL over TLS on `secure_port`; none without them.
    """

    name = "kafka"
    setting = "KAFKA_BOOTSTRAP_SERVERS"
    _pom: ClassVar[Path] = ROOT / "deploy/kafka/pom.xml"

    def __init__(
        self, folder: Path | None = None, port: int | None = None, secure: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(folder, port)
        self._secure = dict(secure or {})
        self.secure_port = _free_port()

    @property
    def url(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self.port}"

    @classmethod
    def fetch(cls) -> None:
        """Copy the jars into the cache."""
        find("java", "openjdk-17-jre-headless")
        cls._jars()

    @classmethod
    def _jars(cls) -> Path:
        return cached(cls.name, hashlib.sha256(cls._pom.read_bytes()).hexdigest()[:12], cls._copy_jars)

    @classmethod
    def _copy_jars(cls, folder: Path) -> None:
        command = [find("mvn", "maven"), "--quiet", "--batch-mode", "--file", str(cls._pom)]
        command += ["dependency:copy-dependencies", f"-DoutputDirectory={folder}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode != 0:
            raise CannotStart(f"Maven could not fetch Kafka's jars:\n{done.stdout[-2000:]}")

    def _prepare(self) -> None:
        controller = _free_port()
        listeners = f"PLAINTEXT://127.0.0.1:{self.port}"
        if self._secure:
            listeners += f",SASL_SSL://127.0.0.1:{self.secure_port}"
        lines = {
            **self._secure,
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listeners": f"{listeners},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": listeners,
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT",
            "log.dirs": self.folder / "data",
            "auto.create.topics.enable": "false",
            "offsets.topic.replication.factor": 1,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0,
            "message.max.bytes": 16 * 1024 * 1024,
        }
        self._properties.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
        (self.folder / "log4j.properties").write_text(
            "log4j.rootLogger=WARN, out\nlog4j.appender.out=org.apache.log4j.ConsoleAppender\n"
            "log4j.appender.out.layout=org.apache.log4j.PatternLayout\n"
            "log4j.appender.out.layout.ConversionPattern=%d %p %m%n\n"
        )
        cluster = uuid.uuid4().hex[:22]
        self._java("kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(self._properties))

    @property
    def _properties(self) -> Path:
        return self.folder / "server.properties"

    def _java_command(self, main: str, *arguments: str) -> list[str]:
        log = f"-Dlog4j.configuration=file:{self.folder}/log4j.properties"
        return ["java", "-Xms256m", "-Xmx512m", log, "-cp", f"{self._jars()}/*", main, *arguments]

    def _java(self, main: str, *arguments: str) -> None:
        done = subprocess.run(self._java_command(main, *arguments), capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode != 0:
            raise CannotStart(f"{main} failed:\n{(done.stdout + done.stderr)[-2000:]}")

    def _command(self) -> list[str]:
        return self._java_command("kafka.Kafka", str(self._properties))

    def is_healthy(self) -> bool:
        """Whether the broker lists its topics."""
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient

        try:
            with socket.create_connection(("127.0.0.1", self.port), 0.2):
                pass
            return bool(AdminClient({"bootstrap.servers": self.url, "log_level": 0}).list_topics(timeout=10).brokers)
        except (OSError, KafkaException):
            return False


class Postgres(Server):
    """PostgreSQL, under an unprivileged user; it refuses to run as root."""

    name = "postgres"
    setting = "DATABASE_URL"
    _folders: ClassVar[tuple[str, ...]] = ("/usr/lib/postgresql/*/bin",)

    @property
    def url(self) -> str:
        """URL of the database `postgres`."""
        return self._url_of("postgres")

    def _url_of(self, database: str) -> str:
        return f"postgresql://alphaads@127.0.0.1:{self.port}/{database}"

    @classmethod
    def fetch(cls) -> None:
        """Find or install the server."""
        find("initdb", "postgresql", cls._folders)

    def _user(self) -> str | None:
        for name in ("postgres", "nobody"):
            try:
                return pwd.getpwnam(name).pw_name
            except KeyError:
                continue
        raise CannotStart("PostgreSQL will not run as root, and there is no user postgres or nobody to run it as")

    def _prepare(self) -> None:
        user = self._user() if os.geteuid() == 0 else None
        if user is not None:
            shutil.chown(self.folder, user)
        command = [find("initdb", "postgresql", self._folders), "--pgdata", str(self.folder / "data")]
        command += ["--username", "alphaads", "--auth", "trust", "--encoding", "UTF8", "--no-sync"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, user=user, cwd=self.folder)  # noqa: S603
        if done.returncode != 0:
            raise CannotStart(f"initdb failed:\n{done.stderr[-2000:]}")

    def _command(self) -> list[str]:
        binary = find("postgres", "postgresql", self._folders)
        options = ["-D", str(self.folder / "data"), "-p", str(self.port), "-k", str(self.folder)]
        return [binary, *options, "-h", "127.0.0.1", "-c", "max_connections=200"]

    def stop(self) -> None:
        """Fast shutdown: closes connections, loses nothing."""
        self._end(signal.SIGINT)

    def is_healthy(self) -> bool:
        """Whether it answers a query."""
        try:
            self._execute("SELECT 1")
        except Exception:  # noqa: BLE001 - any error means unhealthy
            return False
        return True

    def _execute(self, statement: str) -> None:
        import psycopg2

        connection = psycopg2.connect(self.url, connect_timeout=10)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
        finally:
            connection.close()

    def fresh_database(self) -> str:
        """URL of a new, empty database."""
        name = f"t{uuid.uuid4().hex[:12]}"
        self._execute(f"CREATE DATABASE {name}")
        return self._url_of(name)


class Redis(Server):
    """Redis, append-only file on."""

    name = "redis"
    setting = "REDIS_URL"

    @property
    def url(self) -> str:
        """URL of database 0."""
        return f"redis://127.0.0.1:{self.port}/0"

    @classmethod
    def fetch(cls) -> None:
        """Find or install the server."""
        find("redis-server", "redis-server")

    def _prepare(self) -> None:
        """Nothing: Redis makes its files."""

    def _command(self) -> list[str]:
        binary = find("redis-server", "redis-server")
        return [
            binary,
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--dir",
            str(self.folder),
            "--appendonly",
            "yes",
        ]

    def is_healthy(self) -> bool:
        """Whether it answers PING."""
        import redis

        try:
            return bool(redis.Redis(port=self.port, socket_timeout=10).ping())
        except redis.RedisError:
            return False


SERVERS: dict[str, type[Server]] = {server.name: server for server in (Kafka, Postgres, Redis)}


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _up(names: Sequence[str]) -> None:
    with ExitStack() as stack:
        for name in names:
            server = stack.enter_context(SERVERS[name]())
            sys.stdout.write(f"{server.setting}={server.url}\n")
            sys.stdout.flush()
        sys.stderr.write("running; Ctrl-C stops them\n")
        signal.pause()


def main() -> None:
    """`up NAME...` runs servers until Ctrl-C; `fetch NAME...` only makes them available."""
    parser = argparse.ArgumentParser(prog="python -m deploy.servers", description=main.__doc__)
    parser.add_argument("action", choices=("up", "fetch"))
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SERVERS)}; default: all")
    arguments = parser.parse_args()
    names = arguments.names or list(SERVERS)
    if unknown := sorted(set(names) - set(SERVERS)):
        parser.error(f"unknown server {', '.join(unknown)}; known: {', '.join(SERVERS)}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if arguments.action == "up":
            _up(names)
        else:
            for name in names:
                SERVERS[name].fetch()
    except CannotStart as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")


if __name__ == "__main__":
    main()
