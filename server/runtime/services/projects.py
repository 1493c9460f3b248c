"""The projects of this run, and which file they have."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from server.config import Config
from server.machine.files.paths import Folders
from server.projects.folders import FolderRules, rules_for
from server.projects.store import ProjectStore, projects_file


@contextmanager
def open_projects(folders: Folders, config: Callable[[], Config]) -> Iterator[ProjectStore]:
    """The projects in `folders`; the demo has its own. The file is made with the first question about them."""

    def rules() -> FolderRules:
        return rules_for(folders, config().projects_root, os.environ)

    store = ProjectStore(projects_file(folders.data, is_demo=config().demo), rules=rules)
    try:
        yield store
    finally:
        store.close()
