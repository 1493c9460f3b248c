"""The user's desktop: notifications, clipboard, folders, D-Bus, sleep and signals."""
