"""The place of a page in a list that is read page by page."""


def pagination(page: int, size: int, total: int) -> dict[str, object]:
    """The place of a page in a list, with the field names of claude-code-api."""
    pages = -(-total // size)
    return {
        "page": page,
        "per_page": size,
        "total_items": total,
        "total_pages": pages,
        "has_next": page < pages,
        "has_prev": page > 1,
    }
