"""Doubles of the tunnels' programs, as executables in a folder of the test, with their real output.

A file `NAME.mode` beside a program says how it fails; `NAME.runs` has one line of JSON for each run: its arguments,
its environment and its process id.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HEAD = """#!{python} -IS
import json, os, random, signal, socket, sys, time
from pathlib import Path
here, agents = Path(__file__).resolve().parent, {agents}
own = Path(__file__).stem
arguments = sys.argv[1:]
mode_file = here / (own + ".mode")
mode = mode_file.read_text() if mode_file.exists() else ""
with (here / (own + ".runs")).open("a") as runs:
    runs.write(json.dumps({{"argv": arguments, "env": dict(os.environ), "pid": os.getpid()}}) + "\\n")

def register(name, port):
    agent = socket.create_connection(("127.0.0.1", agents))
    agent.sendall((json.dumps({{"name": name, "port": int(port)}}) + "\\n").encode())
    agent.recv(3)
    return agent

def out(text, to=sys.stdout):
    print(text, file=to, flush=True)

def leave(*_):
    raise SystemExit(0)

signal.signal(signal.SIGTERM, leave)
if mode == "rights" and sys.platform == "linux":
    # As the kernel does when it executes a program with rights of its own: no signal when the parent dies.
    import ctypes
    ctypes.CDLL(None).prctl(1, 0)
"""

_CLOUDFLARED = """
import http.server, threading

def log(level, message, **more):
    record = {"level": level, **more, "message": message, "time": "2026-11-28T22:00:00Z"}
    out(json.dumps(record), sys.stderr)

if "--version" in arguments:
    out("cloudflared version 2026.11.1 (built 2026-11-10T10:00 UTC)")
    leave()
if mode == "limit":
    log("info", "Requesting new quick Tunnel on trycloudflare.com...")
    error = "invalid character 'e' looking for beginning of value"
    log("error", "Error unmarshaling QuickTunnel response: error code: 1015", error=error, status_code=429)
    out("failed to unmarshal quick Tunnel: " + error, sys.stderr)
    sys.exit(1)
if mode == "network":
    out('failed to request quick Tunnel: Post "https://api.trycloudflare.com/tunnel": dial tcp: '
        "lookup api.trycloudflare.com: no such host", sys.stderr)
    sys.exit(1)
if mode == "sign in":
    out("Provided Tunnel token is not valid.", sys.stderr)
    sys.exit(255)
if mode == "udp" and "http2" not in arguments:
    log("error", "Failed to dial a quic connection", error="timeout: no recent network activity")
    sys.exit(1)

class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/ready" else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_):
        pass

if "run" in arguments:
    if os.environ.get("TUNNEL_TOKEN") != "named-token":
        out("Provided Tunnel token is not valid.", sys.stderr)
        sys.exit(255)
    name, port = (here / "cloudflared.named").read_text().split()
else:
    port = arguments[arguments.index("--url") + 1].rpartition(":")[2]
    name = "brave-%08x-hills.trycloudflare.com" % random.getrandbits(32)
    log("info", "Requesting new quick Tunnel on trycloudflare.com...")
    log("info", "+--------------------------------------------------------------------------------------------+")
    log("info", "|  Your quick Tunnel has been created! Visit it at (it may take some time to be reachable):  |")
    log("info", "|  https://" + name + "  |")
    log("info", "+--------------------------------------------------------------------------------------------+")
agent = register(name, port)
metrics = http.server.HTTPServer(("127.0.0.1", 0), Ready)
log("info", "Starting metrics server on 127.0.0.1:%d/metrics" % metrics.server_port)
log("info", "Registered tunnel connection", connIndex=0, location="fra08", protocol="quic")
metrics.serve_forever()
"""

_TAILSCALE = """
served = here / "tailscale.served"

def foreground():
    try:
        port, target, pid = served.read_text().split()
        os.kill(int(pid), 0)
    except (OSError, ValueError):
        return {}
    web = {"node.tail1234.ts.net:" + port: {"Handlers": {"/": {"Proxy": "http://127.0.0.1:" + target}}}}
    return {"TCP": {port: {"HTTPS": True}}, "Web": web, "AllowFunnel": {"node.tail1234.ts.net:" + port: True}}

if arguments[:2] == ["status", "--json"]:
    state = {"sign in": "NeedsLogin", "stopped": "Stopped"}.get(mode, "Running")
    auth = "https://login.tailscale.com/a/1234" if mode == "sign in" else ""
    name = {"DNSName": "node.tail1234.ts.net."}
    out(json.dumps({"Version": "1.98.2-t0123", "BackendState": state, "AuthURL": auth, "Self": name}))
    leave()
if arguments[:3] == ["funnel", "status", "--json"]:
    busy = {"TCP": {"443": {"HTTPS": True}}} if mode == "busy" else {}
    if mode == "limit":
        busy = {"TCP": {port: {"HTTPS": True} for port in ("443", "8443", "10000")}}
    out(json.dumps({**busy, "Foreground": {"1234": foreground()}}))
    leave()
if mode == "consent":
    out("Funnel is not enabled on your tailnet.\\nTo enable, visit:\\n")
    out("         https://login.tailscale.com/f/funnel?node=n1234\\n")
    time.sleep(600)
if mode == "denied":
    out("sending serve config: Access denied: serve config denied\\n", sys.stderr)
    sys.exit(1)
if mode == "ended":
    out("error: no such node", sys.stderr)
    sys.exit(1)
port = next(part for part in arguments if part.startswith("--https=")).partition("=")[2]
agent = register("node.tail1234.ts.net", arguments[-1])
served.write_text("%s %s %d" % (port, arguments[-1], os.getpid()))
suffix = "" if port == "443" else ":" + port
out("Available on the internet:\\n\\nhttps://node.tail1234.ts.net%s/\\n|-- proxy http://127.0.0.1:%s\\n"
    % (suffix, arguments[-1]))
out("Press Ctrl+C to exit.")
while True:
    signal.pause()
"""

_NGROK = """
def log(level, msg, **more):
    out(json.dumps({"lvl": level, "msg": msg, "t": "2026-11-28T22:00:00Z", **more}))

if arguments == ["version"]:
    out("ngrok version 3.30.0")
    leave()
if mode == "sign in" or os.environ.get("NGROK_AUTHTOKEN") != "ngrok-token":
    words = "authentication failed: The authtoken you specified is not valid.\\r\\n\\r\\nERR_NGROK_105\\r\\n"
    log("eror", "failed to reconnect session", obj="csess", err=words)
    sys.exit(1)
if mode == "limit":
    log("eror", "session closing", err="Your account is limited to 1 simultaneous agent sessions. ERR_NGROK_108")
    sys.exit(1)
if mode == "network":
    log("eror", "failed to reconnect session", err="failed to dial ngrok server: lookup connect.ngrok-agent.com: "
        "no such host")
    sys.exit(1)
urls = [part.partition("=")[2] for part in arguments if part.startswith("--url=")]
name = (urls or ["https://calm-otter.ngrok-free.app"])[0].removeprefix("https://")
agent = register(name, arguments[1].rpartition(":")[2])
log("info", "started tunnel", obj="tunnels", name="command_line", addr="http://" + arguments[1], url="https://" + name)
while True:
    signal.pause()
"""
_PROGRAMS = {"cloudflared": _CLOUDFLARED, "tailscale": _TAILSCALE, "ngrok": _NGROK}


@dataclass(frozen=True)
class Doubles:
    """The programs in `folder`, which register at the edge's port `agents`."""

    folder: Path
    agents: int

    def install(self, *names: str) -> None:
        for name in names:
            path = self.folder / name
            path.write_text(_HEAD.format(python=sys.executable, agents=self.agents) + _PROGRAMS[name])
            path.chmod(0o755)

    def fail(self, name: str, mode: str) -> None:
        (self.folder / f"{name}.mode").write_text(mode)

    def heal(self, name: str) -> None:
        (self.folder / f"{name}.mode").unlink(missing_ok=True)

    def runs(self, name: str) -> list[dict[str, Any]]:
        """All runs so far, the oldest first."""
        path = self.folder / f"{name}.runs"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
