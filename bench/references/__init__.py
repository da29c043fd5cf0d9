"""What Rendezvous is measured against, each as a program of its own."""
