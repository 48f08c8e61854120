"""The stages of a run in their order, each with the function that a worker runs for it."""

from tdaflow.pipeline.stages import diagrams, images, ranges, volumes

__all__ = ["diagrams", "images", "ranges", "volumes"]
