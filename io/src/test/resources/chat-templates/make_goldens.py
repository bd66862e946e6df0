"""Renders our own chat templates with Jinja2, set up as Hugging Face transformers sets it up, for ChatTemplateTest.

Each template uses what templates of one family use. Run: python make_goldens.py (needs jinja2); writes goldens.json.
"""

import json
import pathlib

import jinja2
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

TEMPLATES = {
    "markers": "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
    "headers": """{% set loop_messages = messages %}
{% for message in loop_messages %}
    {% set content = '<|start|>' + message['role'] + '<|end|>\n\n' + message['content'] | trim + '<|eot|>' %}
    {% if loop.index0 == 0 %}
        {% set content = bos_token + content %}
    {% endif %}
{{ content }}
{%- endfor %}

{% if add_generation_prompt %}{{ '<|start|>assistant<|end|>\n\n' }}{% endif %}
""",
    "alternating": """{{- bos_token }}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content'] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{%- for message in loop_messages %}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('roles must alternate: ' ~ message.role) }}
    {%- endif %}
    {%- if message['role'] == 'user' %}
        {%- if loop.last and system_message is defined %}
            {{- '[INST] ' + system_message + '\n\n' + message['content'] + '[/INST]' }}
        {%- else %}
            {{- '[INST] ' + message['content'] + '[/INST]' }}
        {%- endif %}
    {%- elif message['role'] == 'assistant' %}
        {{- ' ' + message['content'] + eos_token }}
    {%- endif %}
{%- endfor %}
""",
    "thinking": """{%- set ns = namespace(multi=true, last=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi and message.role == "user" and message.content is string and not(message.content.startswith('<tool>') and message.content.endswith('</tool>')) %}
        {%- set ns.multi = false %}
        {%- set ns.last = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.content is string %}
        {%- set content = message.content %}
    {%- else %}
        {%- set content = '' %}
    {%- endif %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<' + message.role + '>' + content + '</>' + '\n' }}
    {%- elif message.role == "assistant" %}
        {%- set reasoning = '' %}
        {%- if '</think>' in content %}
            {%- set reasoning = content.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\n') %}
        {%- endif %}
        {%- if loop.index0 > ns.last and (loop.last or (not loop.last and reasoning)) %}
            {{- '<assistant><think>' + reasoning.strip('\n') + '</think>' + content.lstrip('\n') }}
        {%- else %}
            {{- '<assistant>' + content }}
        {%- endif %}
        {{- '</>\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<assistant>\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think></think>' }}
    {%- endif %}
{%- endif %}""",
    "macros": """{%- macro turn(name, text, end='.') -%}
[{{ name | upper }}] {{ text | trim }}{{ end }}
{%- endmacro -%}
{%- for m in messages if m.role != 'tool' -%}
{{ turn(m.role, m.content, end='!') if loop.first else turn(m['role'], m['content']) }}
{% endfor -%}
{{ messages | map(attribute='role') | join(', ') }} {{ messages | selectattr('role', 'equalto', 'user') | list | length }}
{{ messages[0] | tojson }}
{{ messages[0].get('name', 'nobody') }} {{ 'x' if messages[-1].content else 'y' }} {{ messages[0].content[:3] }}
{{ "a-b-c".split('-') | join('+') }} {{ 'Straße'.upper() }} {{ '  pad '.strip() | length }} {{ 7 // 2 }} {{ 7 % 4 }}
{{ 'many' if messages | length > 1 else 'one' }} {{ missing or 'or' }} {% if none is none and not missing is defined %}yes{% endif %}
{%- for key, value in {'b': 1, 'a': 2}.items() %} {{ key }}={{ value }}{% endfor %}
{%- for key, value in {'b': 1, 'a': 2} | dictsort %} {{ key }}={{ value }}{% endfor %}
{%- for i in range(1, 9, 3) %}{% if i == 7 %}{% break %}{% endif %} {{ i }}{% endfor %}
{{ missing | default('nothing') }} {{ '' | default('empty', true) }} {{ "a\\nb" | indent(2) }} {{ 'héllo wörld' | title }}
""",
    "whitespace": "{#- comment -#}\n  {%- if true %}\n\n kept {{ bos_token }}  {%+ if true %}plus{% endif %}\n   {% endif %}\n"
    "{% raw %}{{ raw }}{% endraw %}\n{{ '}}' }} {{ \"{% no %}\" }}\n  {%- set x = 'é' -%}  \n{{ x }}\r\nend\n\n",
}

CONVERSATIONS = {
    "one": [("user", "Hello  there! ")],
    "system": [("system", "Be brief."), ("user", "What is 2+2?\n")],
    "many": [("system", "日本 \"q\""), ("user", "a"), ("assistant", "b\n"), ("user", "c 🦙 \u00a0")],
    "thought": [("user", "q"), ("assistant", "<think>\nwhy\n</think>\n\nanswer"), ("user", "again")],
    "code": [("user", "{{ 7 * 7 }} {% if x %} <b>&amp;</b> \\n {# no #}")],
    "wrong": [("assistant", "first"), ("assistant", "second")],
    "empty": [("user", "")],
}


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(value, indent=None):
    return json.dumps(value, ensure_ascii=False, indent=indent)


def main():
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = raise_exception
    cases = []
    for template_name, source in TEMPLATES.items():
        # transformers reads template files in text mode.
        template = environment.from_string(source.replace("\r\n", "\n"))
        for conversation_name, turns in CONVERSATIONS.items():
            messages = [{"role": role, "content": content} for role, content in turns]
            for prompt in (True, False):
                case = {"template": template_name, "conversation": conversation_name, "prompt": prompt}
                try:
                    case["text"] = template.render(
                        messages=messages, add_generation_prompt=prompt, bos_token="<s>", eos_token="</s>"
                    )
                except jinja2.exceptions.TemplateError as error:
                    case["refusal"] = str(error)
                cases.append(case)
    golden = {"templates": TEMPLATES, "conversations": CONVERSATIONS, "cases": cases}
    path = pathlib.Path(__file__).with_name("goldens.json")
    path.write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
