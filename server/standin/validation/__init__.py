"""The rules by which the stand-in refuses what the Messages API would refuse."""
