"""Zarr stores at a path of an object store."""

from collections.abc import AsyncGenerator
from typing import Any

from zarr.storage import ObjectStore

from tdaflow.remote import RemotePath, store_of


class ObjectsBelow(ObjectStore[Any]):
    """Zarr's store on obstore, with keys below a `RemotePath` and named as there."""

    def __init__(self, root: RemotePath, *, read_only: bool = False) -> None:
        super().__init__(store_of(root), read_only=read_only)
        self.root = root

    def with_read_only(self, read_only: bool = False) -> "ObjectsBelow":
        """Return the same store for reading, or for both."""
        return type(self)(self.root, read_only=read_only)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and (self.root, self.read_only) == (other.root, other.read_only)

    def __reduce__(self) -> tuple[Any, ...]:
        return _made, (type(self), self.root, self.read_only)

    def __str__(self) -> str:
        return str(self.root)

    async def get(self, key: str, *args: Any, **options: Any) -> Any:
        """Return the bytes of an object; None if there is none."""
        return await super().get(self._key(key), *args, **options)

    async def get_partial_values(self, prototype: Any, key_ranges: Any) -> Any:
        """Return some bytes of several objects."""
        return await super().get_partial_values(prototype, [(self._key(key), part) for key, part in key_ranges])

    async def exists(self, key: str) -> bool:
        """Return True if there is an object of this name."""
        return await super().exists(self._key(key))

    async def set(self, key: str, value: Any) -> None:
        """Put an object."""
        await super().set(self._key(key), value)

    async def set_if_not_exists(self, key: str, value: Any) -> None:
        """Put an object unless there is one of this name."""
        await super().set_if_not_exists(self._key(key), value)

    async def delete(self, key: str) -> None:
        """Delete an object."""
        await super().delete(self._key(key))

    async def delete_dir(self, prefix: str) -> None:
        """Delete all objects below a name."""
        async for key in self.list_prefix(prefix):
            await self.delete(key)

    async def getsize(self, key: str) -> int:
        """Return the bytes of an object."""
        return await super().getsize(self._key(key))

    async def list(self) -> AsyncGenerator[str, None]:
        """Yield the names of all objects."""
        async for key in self.list_prefix(""):
            yield key

    async def list_prefix(self, prefix: str) -> AsyncGenerator[str, None]:
        """Yield the names of all objects below a name."""
        whole = f"{self.root.key}/"
        async for one in self._list(f"{self._key(prefix.rstrip('/'))}/"):
            yield one["path"].removeprefix(whole)

    async def list_dir(self, prefix: str) -> AsyncGenerator[str, None]:
        """Yield the names of objects and folders right below a name."""
        seen = set()
        depth = len(prefix.rstrip("/").split("/")) if prefix else 0
        async for key in self.list_prefix(prefix):
            if (name := key.split("/")[depth]) not in seen:
                seen.add(name)
                yield name

    def _key(self, key: str) -> str:
        return (self.root / key).key if key else self.root.key


def _made(kind: type[ObjectsBelow], root: RemotePath, read_only: bool) -> ObjectsBelow:
    return kind(root, read_only=read_only)
