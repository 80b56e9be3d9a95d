"""Pictures of worlds and of the minds in them."""
