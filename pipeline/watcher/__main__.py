"""`python -m pipeline.watcher`: a topic's watcher, told by environment variables, until SIGTERM."""

import logging
import threading

from pipeline.consumer.endpoint import Endpoint
from pipeline.environment import WatcherSettings, clients, long_running_settings
from pipeline.long_running import leave, run
from pipeline.watcher.wiring import watch_on

log = logging.getLogger("sluice.watcher")


def work(stop: threading.Event) -> None:
    """Watch until told to stop. Raises what ends a watcher."""
    settings = long_running_settings(WatcherSettings)
    with watch_on(settings, clients()) as watch:
        host = settings.http_host
        endpoint = Endpoint(host, settings.http_port, health=watch.health)
        log.info("watching %s; http://%s:%d", settings.connection.name, host, endpoint.port)
        watch.run(stop)


def main() -> int:
    """Run the watcher; see `pipeline.long_running.run`."""
    return run(work, log)


if __name__ == "__main__":
    # A part that outlived its grace would hold the interpreter up: it only reads, but for a canary.
    leave(main())
