"""What an agent asks the user before it acts, and who decides."""
