package nighttrain.io.constraint;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class JsonTypeTest {
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '\0',
            value = {
                "{'type':'string','format':'date'} | string",
                "{'type':'integer','minimum':0} | long",
                "{'type':'number'} | double",
                "{'type':['integer','null']} | long",
                "{'type':'boolean'} | boolean",
                "{'type':'null'} | json",
                "{'type':['integer','string']} | json",
                "{'anyOf':[{'type':'integer'},{'type':'number','minimum':0}]} | double",
                "{'enum':['a','b',null]} | string",
                "{'enum':[1,2]} | long",
                "{'enum':[1,2.5]} | double",
                "{'enum':[1,'a']} | json",
                "{'type':'integer','enum':[1,2.5,'a']} | long",
                "{'enum':[9223372036854775807]} | long",
                "{'enum':[9223372036854775808]} | json",
                "{'const':1e400} | json",
                "{'const':{'a':[1,2],'b':{'c':true}}} | {a:[long],b:{c:boolean}}",
                "{'properties':{'z':{'type':'integer'},'a':{'type':'string'}},'required':['a']} | {z:long,a:string}",
                "{'properties':{'a':{'type':'array','items':{'type':'array','items':{'type':'number'}}}}} | {a:[[double]]}",
                "{'prefixItems':[{'type':'string'},{'type':'integer'}]} | [json]",
                "{'prefixItems':[{'type':'string'},{'enum':['x']}],'items':false} | [string]",
                "{'type':'array'} | [json]",
                "{'type':'object'} | json",
                "{} | json",
                "true | json",
                "{'additionalProperties':{'type':'integer'}} | json",
                "{'properties':{'a':{'type':'string'}},'additionalProperties':{'type':'integer'}} | json",
                "{'properties':{'a':{'type':'string'}},'additionalProperties':true} | {a:string}",
                "{'properties':{},'additionalProperties':false} | json",
                "{'properties':{'a':{'type':'string'},'A':{'type':'string'}}} | json",
                "{'properties':{'b':{'properties':{'':{'type':'string'}}}}} | {b:json}",
                "{'oneOf':[{'properties':{'k':{'const':'x'},'v':{'type':'integer'}},'required':['k']},"
                        + "{'properties':{'k':{'const':'y'},'w':{'type':'string'}},'required':['k']}]}"
                        + " | {k:string,v:long,w:string}",
                "{'anyOf':[{'properties':{'v':{'type':'integer'}}},{'properties':{'v':{'type':'string'}}}]} | {v:json}",
                "{'anyOf':[{'type':'object','properties':{'v':{'type':'integer'}}},{'type':'null'}]} | {v:long}",
                "{'allOf':[{'properties':{'a':{'type':'integer'}}},{'properties':{'b':{'type':'string'}}}]} | {a:long,b:string}",
                "{'properties':{'v':{'type':'integer'},'next':{'anyOf':[{'$ref':'#'},{'type':'null'}]}}} | {v:long,next:json}",
                "{'$ref':'#/$defs/n','$defs':{'n':{'properties':{'v':{'type':'integer'},'l':{'type':'array',"
                        + "'items':{'$ref':'#/$defs/n'}}}}}} | {v:long,l:[json]}",
                "{'properties':{'p':{'allOf':[{'$ref':'#'},{'properties':{'x':{'type':'integer'}}}]}}} | {p:json}",
                "{'properties':{'a':{'$ref':'#/$defs/p'},'b':{'$ref':'#/$defs/p'}},"
                        + "'$defs':{'p':{'properties':{'x':{'type':'number'}}}}} | {a:{x:double},b:{x:double}}"
            })
    void everyValueOfASchemaHasItsType(String schema, String type) {
        assertThat(shown(JsonType.of(new Constraint.JsonSchema(schema.replace('\'', '"'), ""))))
                .isEqualTo(type);
    }

    @ParameterizedTest
    @CsvSource({"1000,true", "1001,false"})
    void aSchemaOfTooManyColumnsIsTextAsAWhole(int properties, boolean struct) {
        StringBuilder schema = new StringBuilder("{\"properties\":{\"p0\":{\"type\":\"integer\"}");
        for (int i = 1; i < properties; i++) {
            schema.append(",\"p").append(i).append("\":{\"type\":\"integer\"}");
        }
        JsonType type = JsonType.of(new Constraint.JsonSchema(schema + "}}", ""));
        assertThat(type instanceof JsonType.Struct).isEqualTo(struct);
    }

    private static String shown(JsonType type) {
        if (type instanceof JsonType.Struct struct) {
            return struct.properties().entrySet().stream()
                    .map(each -> each.getKey() + ":" + shown(each.getValue()))
                    .collect(java.util.stream.Collectors.joining(",", "{", "}"));
        }
        if (type instanceof JsonType.Items list) {
            return "[" + shown(list.item()) + "]";
        }
        return type == JsonType.Scalar.TEXT ? "string" : type.toString().toLowerCase(java.util.Locale.ROOT);
    }
}
