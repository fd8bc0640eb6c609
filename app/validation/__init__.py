"""What the rules can do on simulated courses: generators, comparisons, gates and the report. No part of the service."""
