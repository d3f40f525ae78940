"""A headless Chromium driven over its debugging pipe: real time, real mouse and keyboard, every complaint kept."""

from __future__ import annotations

import base64
import json
import os
import select
import subprocess
import time
from pathlib import Path
from typing import Any

_SWITCHES = (
    *("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking"),
    *("disable-component-update", "disable-sync", "hide-scrollbars", "window-size=1280,800"),
    "remote-debugging-pipe",
)
LOADED = "document.readyState === 'complete' && location.protocol === 'file:'"  # of a page without a program


class Browser:
    """One page. Commands go in on file descriptor 3 and answers come out on 4, each ended by a zero byte."""

    def __init__(self, profile: Path) -> None:
        their_in, self._write = os.pipe()
        self._read, their_out = os.pipe()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self._buffer, self._serial, self._session = b"", 0, ""
        switches = [f"--{switch}" for switch in (*_SWITCHES, f"user-data-dir={profile}")]
        # The shell moves the pipes to the numbers that Chromium expects.
        shell = f'exec chromium "$@" 3<&{their_in} 4>&{their_out}'
        self._process = subprocess.Popen(
            ["bash", "-c", shell, "chromium", *switches, "about:blank"],
            pass_fds=(their_in, their_out),
            stderr=subprocess.DEVNULL,
        )
        os.close(their_in)
        os.close(their_out)

    def attach(self) -> None:
        """Take hold of the first page."""
        pages = self.send("Target.getTargets")["targetInfos"]
        page = next(target for target in pages if target["type"] == "page")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def close(self) -> None:
        """End the browser."""
        self._process.kill()
        self._process.wait(20)
        os.close(self._write)
        os.close(self._read)

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the debugging protocol and wait for its answer."""
        self._serial += 1
        message = {"id": self._serial, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._serial:
                assert "error" not in answer, answer
                return answer["result"]

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            assert select.select([self._read], [], [], 30)[0], "chromium does not answer"
            chunk = os.read(self._read, 1 << 20)
            assert chunk, "chromium went away"
            self._buffer += chunk
        text, self._buffer = self._buffer.split(b"\0", 1)
        message = json.loads(text)
        match message.get("method"):
            case "Runtime.exceptionThrown" | "Log.entryAdded" | "Runtime.consoleAPICalled":
                self.complaints.append(json.dumps(message["params"])[:400])
            case "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"]["url"][:80])
        return message

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def open(self, address: str, is_ready: str = "document.documentElement?.dataset.ready === 'true'") -> None:
        """Open a page and wait until `is_ready` is true in it; by default, until its program says so."""
        self.send("Page.navigate", url=address)
        deadline = time.monotonic() + 30
        while not self.evaluate(is_ready):
            assert time.monotonic() < deadline, "the page did not get ready"
            time.sleep(0.1)

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """A mouse event: Moved, Pressed, Released or Wheel."""
        self.send("Input.dispatchMouseEvent", type=f"mouse{kind}", x=x, y=y, **more)

    def click(self, x: float, y: float) -> None:
        """A click of the left button."""
        self.mouse("Moved", x, y)
        self.mouse("Pressed", x, y, button="left", clickCount=1)
        self.mouse("Released", x, y, button="left", clickCount=1)

    def press(self, key: str, text: str = "") -> None:
        """Press a key; `text` is what it types."""
        code = {"Enter": 13, "Escape": 27, "ArrowRight": 39, "ArrowDown": 40}.get(key, 0)
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, text=text, windowsVirtualKeyCode=code)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def screenshot(self, path: Path) -> Path:
        """Write a PNG of the page."""
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot")["data"]))
        return path
