"""Where things lie on a machine, and how a unit starts a program of the distribution there."""

from dataclasses import dataclass
from typing import Final

from infra.pulsar.cluster import Jvm
from infra.pulsar.systemd import Unit
from infra.pulsar.zones import SCRIPT

MACHINE: Final = "pulsar-machine.service"
"""Brings volumes, programs and secrets: `infra/pulsar/node/machine.py`."""
READY: Final = "ready"
RESTART_SECONDS: Final = 5
OPEN_FILES_MAX: Final = 262_144
"""A bookie keeps its entry logs and indexes open, a broker a connection a client."""
EVERYWHERE: Final = "0.0.0.0"
"""To listen on: the security group decides who comes."""
LOGGING: Final = "log4j2.properties"
LOGGING_TEXT: Final = """\
# Everything to standard output: the journal keeps it, with time and unit.
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %-5level %logger{1} - %msg%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
"""
OPENED: Final = (
    "java.base/java.io",
    "java.base/java.nio",
    "java.base/java.util.zip",
    "java.base/jdk.internal.misc",
    "java.base/jdk.internal.platform",
    "java.management/sun.management",
    "jdk.management/com.sun.management.internal",
)
OPTIONS: Final = (
    "-Djava.net.preferIPv4Stack=true",
    "-Djute.maxbuffer=10485760",
    "-Dzookeeper.clientTcpKeepAlive=true",
    "-Dzookeeper.tcpKeepAlive=true",
    "-Dzookeeper.4lw.commands.whitelist=ruok,srvr,mntr",
    "-Dio.netty.tryReflectionSetAccessible=true",
    "-Dio.netty.recycler.maxCapacityPerThread=4096",
    "-Dio.netty.leakDetection.level=disabled",
    "-Dpulsar.allocator.exit_on_oom=true",
    "-Dbookkeeper.metadata.bookie.drivers="
    "org.apache.pulsar.metadata.bookkeeper.PulsarMetadataBookieDriver",
    "-Dbookkeeper.metadata.client.drivers="
    "org.apache.pulsar.metadata.bookkeeper.PulsarMetadataClientDriver",
    "-Dlog4j2.is.webapp=false",
    # The servers close their own logs after themselves.
    "-Dlog4j.shutdownHookEnabled=false",
    "--enable-native-access=ALL-UNNAMED",
    *(f"--add-opens={module}=ALL-UNNAMED" for module in OPENED),
)
"""What the distribution's own script gives the JVM (bin/pulsar of 4.0.8). The units name it
themselves: a server is then one process, of which systemd knows everything."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Absolute paths without a slash at their ends."""

    java: str = "/opt/java"
    jars: str = "/opt/pulsar/lib"
    offloaders: str = "/opt/pulsar-offloaders"
    configuration: str = "/etc/pulsar"
    data: str = "/var/lib/pulsar"
    """Where the volumes that outlive the machine are mounted, each in a folder of its own."""
    secrets: str = "/run/pulsar"
    """In memory: keys and tokens are never written to a disk."""

    @property
    def ready(self) -> str:
        """The file that is there once programs, volumes and secrets are."""
        return f"{self.secrets}/{READY}"

    @property
    def logging(self) -> dict[str, str]:
        """The file that says where logs go, by its path."""
        return {f"{self.configuration}/{LOGGING}": LOGGING_TEXT}

    @property
    def zone_of(self) -> str:
        """The script that tells the zone of an address."""
        return f"{self.configuration}/{SCRIPT}"

    def command(self, main: str, *arguments: str, jvm: Jvm) -> tuple[str, ...]:
        """Return the line that runs one of the distribution's programs by its main class."""
        return (
            f"{self.java}/bin/java",
            *jvm.options,
            *OPTIONS,
            f"-Dlog4j2.configurationFile={self.configuration}/{LOGGING}",
            "-cp",
            f"{self.jars}/*",
            main,
            *arguments,
        )

    def service(
        self,
        main: str,
        *arguments: str,
        description: str,
        jvm: Jvm,
    ) -> Unit:
        """Return the unit that keeps one of the distribution's servers running."""
        return Unit(
            description=description,
            start=self.command(main, *arguments, jvm=jvm),
            after=(MACHINE,),
            needs=self.ready,
            restart_seconds=RESTART_SECONDS,
            open_files_max=OPEN_FILES_MAX,
        )


DEFAULT_LAYOUT: Final = Layout()
"""As on a machine of AWS."""
