"""Picture files and folders of them."""
