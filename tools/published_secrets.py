"""Make the list of published secrets again, by which JWT_SECRET and the key file are checked.

    pip download --no-deps --dest build/lists badsecrets==1.3.0
    python tools/published_secrets.py build/lists

What the list is and where it comes from stands in common/tokens/data/README.md.
"""

import hashlib
import sys
import zipfile
from pathlib import Path

TARGET = Path(__file__).parents[1] / "common" / "tokens" / "data" / "published_secrets.bin"
SHORTEST = 32  # bytes: no shorter secret is ever accepted
DIGEST = 8  # bytes kept of a SHA-256
WHEEL = "badsecrets-1.3.0-py3-none-any.whl"
SHA256 = "7965e3ec0e13555d130d3cf7f2585b835364376b1e96d3963e2034695e5c849b"
LISTS = (
    "django_secret_keys",
    "express_session_secrets",
    "flask_secret_keys",
    "jwt_secrets",
    "nextauth_secrets",
    "rack_secret_keys",
    "rails_secret_key_base",
    "symfony_appsecret",
    "yii2_cookieValidationKeys",
)
# Examples of standards, documents and defaults, beside those that the lists have.
EXAMPLES = (
    # jwt.io
    "a-string-secret-at-least-256-bits-long",
    "a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",
    # RFC 7515 appendix A.1, RFC 7520 section 3.5
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
    "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg",
    # FastAPI, Flask and NestJS, in their documentation
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
    "DO NOT USE THIS VALUE. INSTEAD, CREATE A COMPLEX SECRET AND KEEP IT SAFE OUTSIDE OF THE SOURCE CODE.",
    # Tutorials of Flask, Spring and .NET
    "004f2af45d3a4e161a7dd2d17fdae47f",
    "5791628bb0b13ce0c676dfde280ba245",
    "404E635266556A586E3272357538782F413F4428472B4B6250645367566B5970",
    "413F4428472B4B6250655368566D5970337336763979244226452948404D6351",
    "5367566B59703373367639792F423F4528482B4D6251655468576D5A71347437",
    "3cfa76ef14937c1c0ea519f8fc057a80fcd04a7420f8e8bcd0a7567c272e007b",
    "JWTAuthenticationHIGHSecuredPasswordVVVp1OH7Xzyr",
    "ByYM000OLlMQG6VVVp1OH7Xzyr7gHuw1qvUC5dcGt3SNM",
    "DhftOS5uphK3vmCJQrexST1RsyjZBjXWRgJMFPU4",
    # Defaults and examples of Supabase, PostgREST, Hasura, Nacos, Zitadel, Directus, Dify, Redash, Kratos
    "super-secret-jwt-token-with-at-least-32-characters-long",
    "your-super-secret-jwt-token-with-at-least-32-characters-long",
    "reallyreallyreallyreallyverysafe",
    "3EK6FD+o0+c7tzBNVfjpMkNDi2yARAAKzQlk8O2IKoxQu4nF7EdAh8s3TwpHwrdWT6R",
    "SecretKey012345678901234567890123456789012345678901234567890123456789",
    "VGhpc0lzTXlDdXN0b21TZWNyZXRLZXkwMTIzNDU2Nzg=",
    "MasterkeyNeedsToHave32Characters",
    "6116487b-cda1-52c2-b5b5-c8022c45e263",
    "255d861b-5ea1-5996-9aa3-922530ec40b1",
    "sk-9f73s3ljTXVcMT3Blb3ljTqtsKiGHXVcMT3BlbkFJLK7U",
    "c292a0a3aa32397cdb050e233733900f",
    "32-LONG-SECRET-NOT-SECURE-AT-ALL",
    # Documentation of jose, jjwt and iron-session
    "cc7e0d44fd473002f1c42167459001140ec6389b7353f8088f4d9a95f2f596f2",
    "zH4NRP1HMALxxCFnRZABFA7GOJtzU_gIj02alfL1lvI",
    "Yn2kjibddFAWtnPJ2AFlL8WXmohJMCvigQggaEypa5E=",
    "complex_password_at_least_32_characters_long",
)


def main(wheels: Path) -> None:
    """Write the list."""
    secrets = {each for each in published(wheels) if len(each) >= SHORTEST}
    content = b"".join(sorted(hashlib.sha256(secret).digest()[:DIGEST] for secret in secrets))
    TARGET.write_bytes(content)
    print(f"{TARGET.name}: {len(secrets)} secrets, {len(content)} bytes")


def published(wheels: Path) -> set[bytes]:
    """Return the secrets of the package's lists, and the examples."""
    wheel = wheels / WHEEL
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != SHA256:
        raise SystemExit(f"{WHEEL} is not the file this list was made from")
    with zipfile.ZipFile(wheel) as archive:
        texts = [archive.read(f"badsecrets/resources/{name}.txt") for name in LISTS]
    lines = {line.strip() for text in texts for line in text.splitlines()}
    return lines | {example.encode() for example in EXAMPLES}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
