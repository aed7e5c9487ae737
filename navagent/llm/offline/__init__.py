"""A deterministic stand-in for a chat model: lexical rules, no key, no network, no memory but of stems and clauses.

It sees what a chat model sees, messages and a schema: `scene` reads the messages, `ranking` scores the options,
`fields` fills what else a schema asks for, `chat` puts it into a reply.

The rules: the number of moves made says which clauses of the instruction are due. A candidate scores by the words that
its direction shares with them, by their turn and stair words, by keeping on and by being new; stopping scores by the
number of moves and by the last clause's words in what is near. The best score wins.
"""

from navagent.llm.offline.chat import OfflineChat

__all__ = ["OfflineChat"]
