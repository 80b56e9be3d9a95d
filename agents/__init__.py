"""Those who act and learn: an agent decides for an individual, through public faces alone."""
