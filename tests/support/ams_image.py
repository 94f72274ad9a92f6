"""A folder that plays an instance booted from an Ant Media Server image, with what its boot script finds there."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

APPS = ("LiveApp", "WebRTCAppEE")

# Ant Media Server 3.0's behaviour, as far as joining goes: the question of #7838, the guess of #4768, the second
# unquoted expansion, the same files edited, the service restarted.
CHANGE_SERVER_MODE = r"""#!/bin/bash
ams=$(dirname "$0")
echo "changing to $1 with $2"
[ -e "$ams/broken" ] && exit "$(cat "$ams/broken")"
case $2 in
  mongodb://*|mongodb+srv://*|redis://*|127.0.0.1|localhost) ;;
  *) read -r answer; [ "$answer" = y ] || exit 1 ;;
esac
switch() {
  type=redisdb
  [[ $2 =~ ^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$ || $2 =~ ^localhost$ || $2 =~ ^mongo ]] && type=mongodb
  sed -i "/clusterdb.host=/c\clusterdb.host=$2" "$ams/conf/red5.properties"
  [ -e "$ams/half" ] && return
  sed -i -E 's/(<!-- cluster start|<!-- cluster start -->)$/<!-- cluster start -->/' "$ams/conf/jee-container.xml"
  sed -i -E 's/^(cluster end -->|<!-- cluster end -->)/<!-- cluster end -->/' "$ams/conf/jee-container.xml"
  for app in "$ams"/webapps/*/; do
    sed -i -e "/db.type=/c\db.type=$type" -e "/db.host=/c\db.host=$2" "$app/WEB-INF/red5-web.properties"
  done
}
switch $1 $2 $3 $4
systemctl stop antmedia
systemctl start antmedia
"""

SYSTEMCTL = r"""#!/bin/bash
echo "systemctl $*" >>"$HOME/calls.log"
case $1 in
  start) [ -e "$HOME/crashes" ] || touch "$HOME/active" ;;
  stop) rm -f "$HOME/active" ;;
  enable) touch "$HOME/enabled" ;;
  disable) rm -f "$HOME/enabled" ;;
  is-active) [ -e "$HOME/active" ] ;;
esac
"""

AWS = r"""#!/bin/bash
echo "aws $*" >>"$HOME/calls.log"
failures=$(cat "$HOME/aws-failures" 2>/dev/null || echo 0)
if [ "$failures" -gt 0 ]; then
  echo $((failures - 1)) >"$HOME/aws-failures"
  echo "Unable to locate credentials" >&2
  exit 253
fi
cat "$HOME/secret"
"""


@dataclass
class Machine:
    """The folder and the environment. Commands that the script needs stand on PATH, and nothing else does."""

    root: Path
    metadata: dict[str, str] = field(
        default_factory=lambda: {
            "instance-id": "i-0123456789abcdef0",
            "local-ipv4": "127.20.1.4",
            "placement/region": "eu-west-1",
        }
    )
    asked: list[str] = field(default_factory=list)

    @property
    def ams(self) -> Path:
        return self.root / "antmedia"

    @property
    def drop_in(self) -> Path:
        return self.root / "systemd" / "antmedia.service.d" / "autoscaler.conf"

    @property
    def boot_rules(self) -> Path:
        return self.root / "systemd" / "tmpfiles.d" / "autoscaler.conf"

    @property
    def calls(self) -> list[str]:
        log = self.root / "calls.log"
        return log.read_text().splitlines() if log.exists() else []

    @property
    def serves(self) -> bool:
        return (self.root / "active").exists()

    @property
    def comes_up_at_boot(self) -> bool:
        return (self.root / "enabled").exists()

    def properties(self, path: str) -> dict[str, str]:
        lines = (self.ams / path).read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))

    def install(self, name: str, script: str) -> None:
        path = self.root / "bin" / name
        path.unlink(missing_ok=True)
        path.write_text(script)
        path.chmod(0o755)

    def remove(self, name: str) -> None:
        (self.root / "bin" / name).unlink()

    def remove_files(self, *, at_boot: bool) -> None:
        """Let systemd remove what the rules name, as it does early at each boot, and now and then later."""
        command = ["systemd-tmpfiles", "--remove", *(["--boot"] if at_boot else []), str(self.boot_rules)]
        subprocess.run(command, check=True, timeout=60, capture_output=True)

    def boot(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run the boot script as cloud-init does."""
        path = self.root / "user-data"
        path.write_text(script)
        with _metadata_service(self) as endpoint:
            environment = {
                "PATH": str(self.root / "bin"),
                "HOME": str(self.root),
                "AMS_DIR": str(self.ams),
                "SYSTEMD_DIR": str(self.root / "systemd"),
                "AWS_EC2_METADATA_SERVICE_ENDPOINT": endpoint,
            }
            return subprocess.run(
                ["/bin/bash", str(path)],
                env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip


def machine(root: Path) -> Machine:
    """Lay an image out that was made of a node that once ran, its service up as the image starts it."""
    made = Machine(root)
    (made.ams / "conf").mkdir(parents=True)
    (root / "bin").mkdir()
    (made.ams / "change_server_mode.sh").write_text(CHANGE_SERVER_MODE)
    properties = "# clusterdb.host=the address of MongoDB\nserver.name=\nclusterdb.host=\nuseGlobalIp=false\n"
    (made.ams / "conf" / "red5.properties").write_text(properties)
    (made.ams / "conf" / "jee-container.xml").write_text(
        "<beans>\n<!-- cluster start\n<x/>\ncluster end -->\n</beans>\n"
    )
    (made.ams / "conf" / "instanceId").write_text("of the image")
    for name in ("server.db", "server.db.wal.0", "webrtcappee.db"):
        (made.ams / name).write_text("of the image")
    for app in APPS:
        (made.ams / "webapps" / app / "WEB-INF").mkdir(parents=True)
        (made.ams / "webapps" / app / "WEB-INF" / "red5-web.properties").write_text(
            "db.type=mapdb\ndb.host=localhost\n"
        )
        for flag in (".initialized", ".closed"):
            (made.ams / "webapps" / app / flag).touch()
    for name in ("bash", "cat", "dirname", "grep", "mkdir", "mktemp", "python3", "rm", "sed", "tail", "touch"):
        _link(made, name)
    made.install("systemctl", SYSTEMCTL)
    made.install("sleep", "#!/bin/bash\n")  # the script waits between tries; tests do not
    (root / "active").touch()
    (root / "enabled").touch()
    return made


def _link(made: Machine, name: str) -> None:
    folders = [Path(folder) for folder in ("/usr/bin", "/bin", *os.environ["PATH"].split(os.pathsep))]
    found = next(folder / name for folder in folders if (folder / name).exists())
    made.install(name, f'#!/bin/sh\nexec {found} "$@"\n')


@contextmanager
def _metadata_service(made: Machine) -> Iterator[str]:
    """Serve IMDSv2: a token first, then values to whoever shows it."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:  # http.server's name
            self._answer("the-token" if self.path == "/latest/api/token" else None)

        def do_GET(self) -> None:  # http.server's name
            made.asked.append(self.path)
            value = made.metadata.get(self.path.removeprefix("/latest/meta-data/"))
            self._answer(value if self.headers["X-aws-ec2-metadata-token"] == "the-token" else None)

        def _answer(self, value: str | None) -> None:
            body = (value or "").encode()
            self.send_response(200 if value else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def secret(made: Machine, value: str, *, failures: int = 0) -> None:
    """Give the image the aws CLI, which answers with `value` after some failures."""
    made.install("aws", AWS)
    (made.root / "secret").write_text(value)
    (made.root / "aws-failures").write_text(str(failures))
