import pytest

from server.machine.page_ticket import LIFETIME_S, TicketBook, make_ticket


def test_a_ticket_is_valid_once_and_for_a_minute() -> None:
    now = 1000.0
    book = TicketBook("secret", clock=lambda: now)
    first, second = make_ticket("secret", now=now), make_ticket("secret", now=now)
    assert book.redeem(first)
    assert not book.redeem(first)
    now += LIFETIME_S + 1
    assert not book.redeem(second)
    # Also after the used ones were forgotten.
    assert not book.redeem(first)


@pytest.mark.parametrize("ticket", ["", ".", "..", "ü.x.y", "1e99.x.y"])
def test_any_other_text_is_not(ticket: str) -> None:
    assert not TicketBook("secret").redeem(ticket)


def test_a_ticket_of_another_secret_is_not() -> None:
    assert not TicketBook("secret").redeem(make_ticket("another secret"))


def test_a_ticket_cannot_be_prolonged() -> None:
    end, name, signature = make_ticket("secret", now=0).split(".")
    assert not TicketBook("secret", clock=lambda: 1e6).redeem(f"{end}000000.{name}.{signature}")
