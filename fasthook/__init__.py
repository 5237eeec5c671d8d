"""FastHook: a self-hosted webhook event gateway."""
