"""A QR code, so that a phone need not type a long address and key."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class QrCode:
    """A square of `size` modules, without its margin. `path` draws the dark ones, as the data of an SVG path."""

    size: int
    path: str = field(repr=False)


def qr_code(text: str) -> QrCode:
    """The code of `text`, which is readable with a seventh of it damaged. Raises `ValueError` if it is too long."""
    # Lazy: only the page draws codes.
    import segno

    rows = segno.make(text, error="m", micro=False).matrix
    path = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, is_dark in enumerate(row) if is_dark)
    return QrCode(len(rows), path)
