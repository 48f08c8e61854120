"""Union of mappings keyed by volume or block id: the merge that retries and order cannot change."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from tdaflow.errors import InputError

V = TypeVar("V")


def merge_keyed(
    left: Mapping[str, V], right: Mapping[str, V], what: str, same: Callable[[V, V], Any] = lambda a, b: a == b
) -> dict[str, V]:
    """Unite two mappings; a key in both must have the same value.

    Parameters
    ----------
    left, right : mapping
        From volume id, or block id, to what that volume or block contributed.
    what : str
        What the values are, for the error.
    same : callable
        Whether two values are the same.

    Returns
    -------
    dict
        Keys sorted, so that the result does not depend on the order of merging in any way.

    Raises
    ------
    InputError
        If a key has two different values: ids are not unique, or a computation is not reproducible. Adding both or
        keeping one would change a dataset-wide range without a word.
    """
    for key in left.keys() & right.keys():
        if not same(left[key], right[key]):
            raise InputError(
                f"{what} of {key!r} arrived twice with different contents; make volume ids unique within the data set"
            )
    united = {**left, **right}
    return {key: united[key] for key in sorted(united)}
