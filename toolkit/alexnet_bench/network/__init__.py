"""The reference architectures as data, and what is made from them."""
