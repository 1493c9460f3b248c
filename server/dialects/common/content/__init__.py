"""The content of messages: text, images and files."""
