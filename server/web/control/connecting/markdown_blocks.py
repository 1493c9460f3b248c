"""Instructions as blocks that the page shows without any HTML: prose, lists, code, and fields to fill in."""

import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any  # the blocks are JSON

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

Block = dict[str, Any]
# As in "Base URL: http://..." below the line that names the place.
_FIELD = re.compile(r"([A-Z][\w .&()/-]{0,40}): (\S.*)")
_LINKS = ("https://", "http://", "/manual")


def blocks_of(text: str) -> list[Block]:
    """The blocks of Markdown `text`, without its first heading. Raw HTML and other links than to pages stay text."""
    return list(_blocks(_parser().parse(text)))


@cache
def _parser() -> "MarkdownIt":
    """Imported late: most runs never show instructions."""
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False})


def _blocks(tokens: "list[Token]") -> Iterator[Block]:
    items: list[list[Block]] | None = None
    is_heading = False
    for token in tokens:
        match token.type:
            case "heading_open":
                is_heading = True
            case "heading_close":
                is_heading = False
            case "bullet_list_open" | "ordered_list_open":
                items = []
            case "list_item_open" if items is not None:
                items.append([])
            case "bullet_list_close" | "ordered_list_close":
                yield {"kind": "list", "ordered": token.type.startswith("ordered"), "items": items or []}
                items = None
            case "inline" if is_heading:
                continue
            case "inline":
                spans = list(_spans(token.children or []))
                if items:
                    items[-1] += spans
                else:
                    yield {"kind": "text", "spans": spans}
            case "fence" | "code_block":
                yield _code(token.info.strip(), token.content)


def _code(language: str, text: str) -> Block:
    """A block of code, or of fields if it says what to enter where."""
    first, *lines = text.rstrip("\n").split("\n")
    if language == "text" and first.endswith(":") and lines:
        fields = []
        while lines and (field := _FIELD.fullmatch(lines[0])) is not None:
            fields.append({"label": field[1], "value": field[2]})
            lines.pop(0)
        if not fields and len(lines) == 1:
            fields, lines = [{"label": "", "value": lines[0]}], []
        if fields:
            notes = [line for line in lines if line.strip()]
            return {"kind": "fields", "place": first.removesuffix(":"), "fields": fields, "notes": notes}
    return {"kind": "code", "language": language, "text": text}


def _spans(tokens: "list[Token]") -> Iterator[Block]:
    """Runs of text, each with its marks."""
    is_strong, target = False, ""
    for token in tokens:
        match token.type:
            case "strong_open" | "em_open":
                is_strong = True
            case "strong_close" | "em_close":
                is_strong = False
            case "link_open":
                href = str(token.attrGet("href") or "")
                target = href if href.startswith(_LINKS) else ""
            case "link_close":
                target = ""
            case "softbreak" | "hardbreak":
                yield {"text": " "}
            case _ if token.content:
                span: Block = {"text": token.content}
                if token.type == "code_inline":
                    span["code"] = True
                if is_strong:
                    span["strong"] = True
                if target:
                    span["href"] = target
                yield span
