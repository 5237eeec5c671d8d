"""The conditions that rules name, one file each. A file's `observe` answers for the rules of all teams at once."""
