"""The commands, by what they are for; `vlms.__main__` gathers them."""
