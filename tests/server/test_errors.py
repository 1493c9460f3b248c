from server.errors import UsageLimit


def test_a_fresh_error_is_equal_in_content_and_has_no_traceback() -> None:
    error = UsageLimit("Weekly limit reached", status=429, retry_after_s=7, resets_at=1)
    try:
        raise error from ValueError()
    except UsageLimit:
        copy = error.fresh()
    assert copy is not error
    assert (str(copy), vars(copy)) == (str(error), vars(error))
    assert (copy.__traceback__, copy.__cause__, copy.__context__) == (None, None, None)
