"""Messages of the rendezvous topics, their conversions and the policy language."""
