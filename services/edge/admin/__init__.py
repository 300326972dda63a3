"""The owner's paths: keys, profiles, providers. They take the admin key alone."""
