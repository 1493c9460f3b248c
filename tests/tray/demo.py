"""Shows the icon and its menu without a server: `python -m tests.tray.demo`.

Prints the command of each click; ends with Quit or a termination signal.
"""

import queue
import threading

from tray.commands import Command, Quit
from tray.desktop.signals import handling_termination
from tray.icon.view import View
from tray.model import Snapshot


def main() -> None:
    commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
    view = View(commands.put, Snapshot())

    def control() -> None:
        while True:
            command = commands.get()
            print(command, flush=True)
            if command == Quit():
                view.stop()
                return

    threading.Thread(target=control).start()
    with handling_termination(lambda: commands.put(Quit())):
        view.run()


if __name__ == "__main__":
    main()
