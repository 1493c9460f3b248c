"""The icon: a drawbridge whose shape shows the state."""

from enum import Enum


class Picture(Enum):
    """What the icon shows; the shape says it, never the colour alone."""

    RAISED = "raised"
    HALF = "half"
    LOWERED = "lowered"
    TRAFFIC = "traffic"
    WARNING = "warning"
    CROSS = "cross"
