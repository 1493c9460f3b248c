"""Access to this computer: folders, the settings file, the keyring, sockets, the running instance, child processes."""
