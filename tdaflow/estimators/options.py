"""Options of a frozen dataclass inside an estimator, searched by name as scikit-learn does with nested estimators."""

import difflib
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any, ClassVar

from sklearn.base import BaseEstimator

from tdaflow.errors import InputError


class NestedOptions(BaseEstimator):
    """An estimator one of whose parameters is an object of options, or its name.

    ``get_params`` lists the options as ``parameter__option``, and ``set_params`` and `GridSearchCV` set them; the
    object itself never changes, it is replaced.

    Attributes
    ----------
    nested : dict of str to callable
        Parameter to the function that turns its value into the object.
    """

    nested: ClassVar[dict[str, Callable[[Any], Any]]]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters by name.

        Parameters
        ----------
        deep : bool
            Whether to list the options of nested objects too.

        Returns
        -------
        dict of str to Any
        """
        found = super().get_params(deep)
        for parameter in self.nested if deep else ():
            try:
                options = self.nested[parameter](found[parameter])
            except InputError:  # `fit` says what is wrong
                continue
            found |= {f"{parameter}__{name}": getattr(options, name) for name in _names(options)}
        return found

    def set_params(self, **params: Any) -> Any:
        """Set parameters.

        Parameters
        ----------
        **params
            By name; options of a nested object as ``parameter__option``.

        Returns
        -------
        self

        Raises
        ------
        InputError
            For an option that the nested object does not have, or a value that it refuses.
        """
        changes: dict[str, dict[str, Any]] = {}
        for key in [key for key in params if key.partition("__")[0] in self.nested and "__" in key]:
            parameter, _, name = key.partition("__")
            changes.setdefault(parameter, {})[name] = params.pop(key)
        super().set_params(**params)
        for parameter, given in changes.items():
            options = self.nested[parameter](getattr(self, parameter))
            known = _names(options)
            for name in given:
                if name not in known:
                    near = difflib.get_close_matches(name, known, n=1)
                    hint = f"did you mean {near[0]!r}? " if near else ""
                    raise InputError(
                        f"{type(options).__name__} has no option {name!r}; {hint}its options are "
                        f"{', '.join(known) or 'none'}"
                    )
            setattr(self, parameter, replace(options, **given))
        return self


def _names(options: Any) -> list[str]:
    return [field.name for field in fields(options) if field.init] if is_dataclass(options) else []
