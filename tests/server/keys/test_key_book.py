"""The book of named keys: against a model of it, over restarts and several processes, and with broken files."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from server.errors import InvalidRequest, KeysUnreadable, NotFound
from server.keys import named_key
from server.keys.key_book import KeyBook
from server.keys.key_file import FILE_NAME
from server.keys.named_key import checked_name, make_key, same_name
from server.keys.rights import ALL, Rights, rights_from

NAMES = st.sampled_from(("Talon", "talon", " Cursor ", "Open WebUI", "Größe", "a/b", "x"))


class Keys(RuleBasedStateMachine):
    """Random changes by two books over one file, as a server and a command have them."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="keys-"))
        self.books = [KeyBook(self.folder), KeyBook(self.folder)]
        # Name, text and rights of each key, and the texts of those that were revoked.
        self.made: dict[str, tuple[str, Rights]] = {}
        self.revoked: list[str] = []

    def named(self, name: str) -> str | None:
        return next((one for one in self.made if same_name(one, name)), None)

    @rule(name=NAMES, which=st.integers(0, 1))
    def add(self, name: str, which: int) -> None:
        if self.named(name) is not None:
            with pytest.raises(InvalidRequest, match="already"):
                self.books[which].add(name)
            return
        key, text = self.books[which].add(name)
        self.made[key.name] = (text, ALL)

    @rule(name=NAMES, which=st.integers(0, 1))
    def revoke(self, name: str, which: int) -> None:
        own = self.named(name)
        if own is None:
            with pytest.raises(NotFound):
                self.books[which].revoke(name)
            return
        self.books[which].revoke(name)
        self.revoked.append(self.made.pop(own)[0])

    @rule(name=NAMES, new=NAMES, which=st.integers(0, 1))
    def rename(self, name: str, new: str, which: int) -> None:
        own, other = self.named(name), self.named(new)
        if own is None or (other is not None and other != own):
            with pytest.raises((NotFound, InvalidRequest)):
                self.books[which].change(name, new_name=new)
            return
        key = self.books[which].change(name, new_name=new)
        self.made = {key.name if one == own else one: kept for one, kept in self.made.items()}

    @rule(name=NAMES, requests=st.integers(1, 9), which=st.integers(0, 1))
    def limit(self, name: str, requests: int, which: int) -> None:
        if (own := self.named(name)) is not None:
            rights = Rights(requests_per_minute=requests, models=("haiku",))
            self.books[which].change(name, rights=rights)
            self.made[own] = (self.made[own][0], rights)

    @rule(which=st.integers(0, 1))
    def restart(self, which: int) -> None:
        self.books[which] = KeyBook(self.folder)

    @invariant()
    def both_know_the_same(self) -> None:
        for book in self.books:
            assert [(key.name, key.rights) for key in book.listed()] == [(n, r) for n, (_, r) in self.made.items()]
            for name, (text, _) in self.made.items():
                found = book.find(text)
                assert found is not None
                assert found.name == name
            assert not any(map(book.find, self.revoked))
            assert book.trouble is None


class TestKeys(Keys.TestCase):  # type: ignore[misc,valid-type] # made by hypothesis
    settings = settings(max_examples=20, stateful_step_count=15, deadline=None)


def test_the_key_itself_is_kept_nowhere_and_the_file_is_private(tmp_path: Path) -> None:
    _, text = KeyBook(tmp_path).add("Talon")
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert text.split("-", 2)[2].encode() not in kept
    assert text.encode() not in kept
    if os.name == "posix":
        assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_a_key_of_an_older_drawbridge_lacks_newer_rights(tmp_path: Path) -> None:
    rights = {name: value for name, value in ALL.as_json().items() if name != "projects"}
    (tmp_path / FILE_NAME).write_text(wrong(rights=rights))
    (key,) = KeyBook(tmp_path).listed()
    assert key.rights == ALL


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such modes of files")
def test_a_file_that_others_may_read_is_made_private(tmp_path: Path) -> None:
    KeyBook(tmp_path).add("Talon")
    (tmp_path / FILE_NAME).chmod(0o644)
    assert [key.name for key in KeyBook(tmp_path).listed()] == ["Talon"]
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600


def wrong(**changes: Any) -> str:
    """A file with one wrong value."""
    key, _ = make_key("Talon", ALL, now=1.0)
    row = {"id": key.id, "name": key.name, "salt": key.salt.hex(), "hash": key.hash.hex(), "created_at": 1.0}
    return json.dumps({"version": 1, "keys": [{**row, "rights": ALL.as_json(), **changes}]})


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        '{"version": 0, "keys": []}',
        '{"version": "1", "keys": []}',
        '{"version": 1}',
        '{"version": 1, "keys": [7]}',
        wrong(salt="00"),
        wrong(hash="zz"),
        wrong(id=7),
        wrong(name=""),
        wrong(created_at="now"),
        wrong(rights={}),
        wrong(rights={**ALL.as_json(), "more": True}),
        wrong(rights={name: value for name, value in ALL.as_json().items() if name != "agent"}),
        wrong(rights={**ALL.as_json(), "listeners": []}),
        "[" * 100_000,
        "\xff",
    ],
)
def test_a_damaged_file_is_set_aside_its_keys_are_refused_and_new_ones_can_be_made(
    tmp_path: Path, content: str
) -> None:
    book = KeyBook(tmp_path)
    _, old = book.add("Talon")
    (tmp_path / FILE_NAME).write_text(content, encoding="latin-1")
    assert book.find(old) is None
    assert book.listed() == ()
    assert "was damaged" in (book.trouble or "")
    assert (tmp_path / f"{FILE_NAME}.broken-1").read_text(encoding="latin-1") == content
    _, new = book.add("Talon")
    assert book.find(new) is not None
    assert book.trouble is None


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    content = '{"version": 2, "keys": {"in": "another form"}}'
    (tmp_path / FILE_NAME).write_text(content)
    book = KeyBook(tmp_path)
    assert book.listed() == ()
    assert "newer Drawbridge" in (book.trouble or "")
    with pytest.raises(KeysUnreadable, match="newer"):
        book.add("Talon")
    assert [path.name for path in tmp_path.iterdir() if "lock" not in path.name] == [FILE_NAME]
    assert (tmp_path / FILE_NAME).read_text() == content


def test_a_key_of_the_same_name_has_nothing_of_the_old_one(tmp_path: Path) -> None:
    book = KeyBook(tmp_path)
    old, _ = book.add("Talon")
    book.revoke("talon")
    assert book.add("Talon")[0].owner != old.owner


def test_a_free_name_has_a_number(tmp_path: Path) -> None:
    book = KeyBook(tmp_path)
    names = []
    for _ in range(3):
        names.append(book.free_name("Talon"))
        book.add(names[-1])
    assert names == ["Talon", "Talon 2", "Talon 3"]


@pytest.mark.parametrize("name", ["", " ", "a" * 41, "a\nb", "\x1b[31m", ".", "..", None, 7, "\u202e"])
def test_names_can_be_shown_and_be_part_of_an_address(name: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        checked_name(name)
    assert caught.value.param == "name"


@pytest.mark.parametrize(
    "given",
    [
        *({"listeners": listeners} for listeners in ([], ["attic"], "local", None)),
        *({"models": models} for models in ("sonnet", [""], [7], ["x" * 101], ["a"] * 51)),
        {"agent": 1},
        *({"requests_per_minute": limit} for limit in (0, -1, True, 1.5, "3")),
        {"tokens_per_minute": 0},
    ],
)
def test_wrong_rights_are_named(given: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        rights_from(given)
    assert caught.value.param == next(iter(given))


def test_a_look_hashes_once_however_many_keys_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = KeyBook(tmp_path)
    book.file.change(lambda _: {key.id: key for key, _ in (make_key(f"app {n}", ALL, now=1.0) for n in range(999))})
    _, text = book.add("Talon")
    hashed: list[str] = []
    whole = named_key.hash_of

    def counted(secret: str, salt: bytes) -> bytes:
        hashed.append(secret)
        return whole(secret, salt)

    monkeypatch.setattr(named_key, "hash_of", counted)
    assert book.find(text) is not None
    assert len(hashed) == 1
    assert book.find(f"{text[:-1]}{'A' if text[-1] != 'A' else 'B'}") is None
    assert book.find("db-0123456789-" + "a" * 43) is None
    assert book.find("sk-anything") is None
    assert len(hashed) == 2
