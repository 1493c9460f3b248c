"""What requests and answers contain, kept only while the user wants it."""
