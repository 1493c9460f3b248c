"""A Claude Code that lacks one capability: the real one behind a small program that drops or changes frames."""

import os
import shlex
import stat
import sys
from pathlib import Path

from server.claude.cli.locate import bundled_cli

# What the wrapper does for each missing capability.
BREAKS = {
    "SYSTEM_PROMPT": "ignore the system prompt of initialize",
    "HISTORY": "drop the assistant's turns",
    "PLAIN_TEXT": "strip client_composed",
    "NO_TOOLS": "offer tools",
    "TOOLS": "offer a tool of its own making instead of the client's",
    "SETTINGS": "acknowledge settings without applying them",
    "ONE_CALL": "report a limit too late",
    "RESET": "drop resets",
    "SETTINGS_RESET": "keep the settings of the request before",
    "CALLS": "ignore the client's tools",
    "NO_COMPACTION": "compact",
    "SIGN_IN": "look for the sign-in in the config folder alone",
    "LIVE": "keep the agent of the request before",
    "LIVE, unknown": "acknowledge an unknown agent",
    "LIVE, tools": "never read the list of tools again",
    "LIVE, none": "keep the agent where there should be none",
    "WARM_UP": "refuse side questions",
    "WARM_UP, address": "keep the address of the warm-up",
}

_PROGRAM = r'''
import ctypes, json, os, signal, subprocess, sys, threading, time

REAL, BREAK, SPAWNS = {real!r}, {broken!r}, {spawns!r}
arguments = sys.argv[1:]
if "--output-format" not in arguments:
    os.execv(REAL, [REAL, *arguments])
with open(SPAWNS, "a") as file:
    file.write(json.dumps({{"pid": os.getpid(), "environment": dict(os.environ)}}) + "\n")
if BREAK == "NO_TOOLS":
    at = arguments.index("--tools")
    del arguments[at : at + 2]
if BREAK == "NO_COMPACTION":
    del os.environ["DISABLE_AUTO_COMPACT"]
if BREAK == "SIGN_IN":
    os.environ.pop("CLAUDE_SECURESTORAGE_CONFIG_DIR", None)
if BREAK in ("", "NO_TOOLS", "NO_COMPACTION", "SIGN_IN"):
    os.execv(REAL, [REAL, *arguments])

def die_with_us():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)

# Its output is not piped unless it has to be delayed: the detour would cost the milliseconds for the kill at a limit.
output = subprocess.PIPE if BREAK == "ONE_CALL" else None
child = subprocess.Popen([REAL, *arguments], stdin=subprocess.PIPE, stdout=output, bufsize=0, preexec_fn=die_with_us)

def say(line):
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()

addresses = []

def filtered(frame):
    """What the real one gets instead of a frame; None: drop it."""
    request = frame.get("request", {{}})
    kind = request.get("subtype")
    if BREAK == "SYSTEM_PROMPT" and kind == "initialize":
        request.pop("systemPrompt", None)
    if BREAK == "CALLS" and kind == "initialize":
        request.pop("toolAliases", None)
    if BREAK == "TOOLS" and kind == "apply_flag_settings":
        env = request["settings"].get("env", {{}})
        extra = json.loads(env.get("CLAUDE_CODE_EXTRA_BODY") or "{{}}")
        if extra.pop("tools", None):
            env["CLAUDE_CODE_EXTRA_BODY"] = json.dumps(extra)
    if BREAK == "HISTORY" and frame["type"] == "assistant":
        return None
    if BREAK == "PLAIN_TEXT":
        frame.pop("client_composed", None)
    if BREAK == "SETTINGS" and kind == "apply_flag_settings":
        answer = {{"subtype": "success", "request_id": frame["request_id"], "response": {{}}}}
        say(json.dumps({{"type": "control_response", "response": answer}}).encode() + b"\n")
        return None
    if BREAK == "SETTINGS_RESET" and kind == "apply_flag_settings":
        settings = request["settings"]
        settings["env"] = {{name: value for name, value in settings.get("env", {{}}).items() if value is not None}}
        request["settings"] = {{name: value for name, value in settings.items() if value is not None}}
    if BREAK.startswith("LIVE") and kind == "apply_flag_settings":
        agent = request["settings"].get("agent")
        if BREAK == "LIVE" or BREAK == {{None: "LIVE, none", "none": "LIVE, unknown"}}.get(agent):
            request["settings"].pop("agent", None)
    if BREAK == "WARM_UP" and kind == "side_question":
        answer = {{"subtype": "error", "request_id": frame["request_id"], "error": "not supported"}}
        say(json.dumps({{"type": "control_response", "response": answer}}).encode() + b"\n")
        return None
    if BREAK.startswith("WARM_UP,") and kind == "apply_flag_settings":
        env = request["settings"].get("env", {{}})
        if BREAK == "WARM_UP, address" and "ANTHROPIC_BASE_URL" in env:
            addresses.append(env["ANTHROPIC_BASE_URL"])
            env["ANTHROPIC_BASE_URL"] = addresses[0]
    if BREAK == "LIVE, tools" and kind == "mcp_message":
        request["message"]["method"] = "notifications/other"
    if BREAK == "RESET" and frame.get("subtype") == "compact_boundary":
        return None
    return frame

def listen():
    for line in child.stdout or ():
        if b'"message_delta"' in line and b'"max_tokens"' in line:
            time.sleep(4)
        say(line)
    os._exit(child.wait())

threading.Thread(target=listen, daemon=True).start()
for line in sys.stdin.buffer:
    frame = filtered(json.loads(line))
    if frame is not None:
        child.stdin.write(json.dumps(frame).encode() + b"\n")
child.stdin.close()
threading.Event().wait()
'''


def write_wrapper(folder: Path, broken: str = "") -> Path:
    """Writes a `claude` into `folder` that lacks the capability of this name; empty: none. See `spawns_of`."""
    real = bundled_cli()
    assert real is not None
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "claude.py"
    program.write_text(_PROGRAM.format(real=str(real), broken=broken, spawns=str(folder / "spawns.jsonl")))
    cli = folder / "claude"
    cli.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -SI {shlex.quote(str(program))} "$@"\n')
    cli.chmod(cli.stat().st_mode | stat.S_IXUSR)
    return cli


def spawns_of(cli: Path) -> list[dict[str, dict[str, str]]]:
    """The environments of the processes of the wrapper at `cli`, without those that only print the version."""
    import json

    file = cli.parent / "spawns.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def change(cli: Path) -> None:
    """Replaces the program at `cli` on disk atomically, as an update does.

    Otherwise a process that starts in between would be of a third program, which is checked too.
    """
    found, new = cli.stat(), cli.with_name("claude.new")
    new.write_text(cli.read_text() + "# another one\n")
    new.chmod(found.st_mode)
    os.utime(new, ns=(found.st_atime_ns, found.st_mtime_ns + 1_000_000))
    new.replace(cli)
