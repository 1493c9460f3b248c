"""Errors that several dialects raise for parts of a request that cannot be answered."""

from server.errors import InvalidRequest


def missing_field(place: str) -> InvalidRequest:
    """Returns the error for a required field that is absent."""
    return InvalidRequest(f"{place} is required.", param=place)


def no_stored_files(place: str) -> InvalidRequest:
    """Returns the error for a file that is given by an id."""
    return InvalidRequest(
        f"{place}: Drawbridge stores no files, so it cannot look up a file id.",
        param=place,
        hint="Send the data itself, as a data URL or base64.",
    )


def audio_not_supported(place: str, *, hint: str) -> InvalidRequest:
    """Returns the error for audio."""
    return InvalidRequest(f"{place}: Audio input is not supported by Claude.", param=place, hint=hint)


def unknown_type(place: str, *, hint: str) -> InvalidRequest:
    """Returns the error for an object of a type that is not supported."""
    return InvalidRequest(f"{place}.type is not supported.", param=f"{place}.type", hint=hint)
