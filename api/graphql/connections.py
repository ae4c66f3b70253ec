"""Pages of a list (Relay connections): forward only, by cursor."""

from __future__ import annotations

import strawberry

from api.document_limits import LARGEST_PAGE
from api.graphql.description import described_type
from api.graphql.errors import BadUserInputError
from api.graphql.scalars import CursorText


@described_type
class PageInfo:
    """Relay connection: `first` 1 to 500, default 50; outside is BAD_USER_INPUT. A page may be shorter than `first` while `hasNextPage` is true: the work of one page is bounded."""  # noqa: E501 - the contract's line

    has_next_page: bool
    has_previous_page: bool = strawberry.field(
        default=False, description="Always false: pages go forward only."
    )
    start_cursor: CursorText | None
    end_cursor: CursorText | None


def page_size(first: int | None) -> int:
    """The size of a page.

    Raises:
        BadUserInputError: it is not from 1 to 500.
    """
    if first is None or not 1 <= first <= LARGEST_PAGE:
        raise BadUserInputError(f"`first` must be from 1 to {LARGEST_PAGE}.")
    return first
