"""Finding an object again: what is known of the identities of recordings, and how alike they look to one."""
