import random

print(
    random.choice(
        ["healthy", "no-clamp", "negative-zero", "half", "relisten-ignored", "refusal-lost"]
    )
)
