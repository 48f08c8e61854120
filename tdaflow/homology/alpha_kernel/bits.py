"""Which bit of a word is the first or last one set, in one instruction."""

from numba import njit, types
from numba.extending import intrinsic

from tdaflow.homology.alpha_kernel.predicates import OPTIONS


@intrinsic
def _leading_zeros(typing_context, word):
    def generate(context, builder, signature, arguments):
        return builder.ctlz(arguments[0], context.get_constant(types.boolean, False))

    return types.uint64(types.uint64), generate


@intrinsic
def _trailing_zeros(typing_context, word):
    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], context.get_constant(types.boolean, False))

    return types.uint64(types.uint64), generate


@njit(inline="always", **OPTIONS)
def highest_bit(word):
    """Index of the highest set bit of a nonzero uint64."""
    return 63 - types.int64(_leading_zeros(word))


@njit(inline="always", **OPTIONS)
def lowest_bit(word):
    """Index of the lowest set bit of a nonzero uint64."""
    return types.int64(_trailing_zeros(word))
