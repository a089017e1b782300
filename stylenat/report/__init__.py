"""Tables, figures and pages, rendered from the plan and the record files alone. No torch."""
