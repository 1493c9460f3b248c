"""The questions that an agent asks the user before it acts, and the decisions."""
