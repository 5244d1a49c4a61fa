//! Bounds on a policy text, checked before Cedar's parser sees it.
//!
//! That parser and what follows it walk a rule's expression by recursion. With these bounds no rule is deep enough to
//! exhaust a thread's stack, and checking a whole file takes well under a second.

use super::problem::{Problem, Source};

/// Bytes of one policy file: some thousand ordinary rules.
pub const TEXT_LIMIT: usize = 256 * 1024;
/// Rules in one policy file. Each is decided for every pair of class and bureau.
pub const RULE_LIMIT: usize = 512;
/// Words and signs in one rule: one that lists 200 bureaus has some 1,000.
const TOKEN_LIMIT: usize = 2_000;
/// Operators that chain in one rule (`&&`, `||`, `+`, `-`, `*`, `!`, `if`): with the brackets, the bound on how deep its
/// expression is. Deciding that deep takes under 1 MiB of stack; threads have 2.
const OPERATOR_LIMIT: usize = 200;
/// Brackets open at one place: nobody reads deeper ones.
const DEPTH_LIMIT: usize = 32;

/// The first place where the text exceeds a bound.
pub(super) fn check(source: Source<'_>) -> Result<(), Problem> {
    if source.text.len() > TEXT_LIMIT {
        let message = format!("the policy is larger than {} KiB", TEXT_LIMIT / 1024);
        return Err(source.problem(0, message, "Join rules that differ in one word into one rule with a list."));
    }
    let mut scan = Scan::default();
    let mut chars = source.text.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        match char {
            '/' if chars.peek().is_some_and(|(_, next)| *next == '/') => {
                while chars.next_if(|(_, next)| *next != '\n').is_some() {}
            }
            '"' => {
                while let Some((_, inner)) = chars.next() {
                    match inner {
                        '\\' => drop(chars.next()),
                        '"' => break,
                        _ => {}
                    }
                }
                scan.token(source, at)?;
            }
            _ if char.is_whitespace() => {}
            _ if is_word(char) => {
                let mut end = at.saturating_add(char.len_utf8());
                while let Some((next, char)) = chars.next_if(|(_, next)| is_word(*next)) {
                    end = next.saturating_add(char.len_utf8());
                }
                if source.text.get(at..end) == Some("if") {
                    scan.operator(source, at)?;
                }
                scan.token(source, at)?;
            }
            '&' | '|' => {
                // Both signs of `&&` or `||` are one operator.
                let _ = chars.next_if(|(_, next)| *next == char);
                scan.operator(source, at)?;
            }
            _ => scan.sign(source, at, char)?,
        }
    }
    Ok(())
}

fn is_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

#[derive(Default)]
struct Scan {
    rules: usize,
    tokens: usize,
    operators: usize,
    depth: usize,
}

impl Scan {
    fn token(&mut self, source: Source<'_>, at: usize) -> Result<(), Problem> {
        self.tokens = self.tokens.saturating_add(1);
        if self.tokens <= TOKEN_LIMIT {
            return Ok(());
        }
        let message = format!("this rule has more than {TOKEN_LIMIT} words and signs");
        Err(source.problem(at, message, "Split it into several rules, or put a tag on the bureaus it lists."))
    }

    fn operator(&mut self, source: Source<'_>, at: usize) -> Result<(), Problem> {
        self.operators = self.operators.saturating_add(1);
        if self.operators <= OPERATOR_LIMIT {
            return self.token(source, at);
        }
        let message = format!("this rule has more than {OPERATOR_LIMIT} operators");
        Err(source.problem(at, message, "Write `[a, b, c].contains(x)` for `x == a || x == b || x == c`."))
    }

    fn sign(&mut self, source: Source<'_>, at: usize, sign: char) -> Result<(), Problem> {
        match sign {
            '(' | '[' | '{' => self.depth = self.depth.saturating_add(1),
            ')' | ']' | '}' => self.depth = self.depth.saturating_sub(1),
            '+' | '-' | '*' | '!' => return self.operator(source, at),
            ';' => {
                *self = Self { rules: self.rules.saturating_add(1), ..Self::default() };
            }
            _ => {}
        }
        if self.depth > DEPTH_LIMIT {
            let message = format!("brackets are nested more than {DEPTH_LIMIT} deep");
            return Err(source.problem(at, message, "Split the rule into several rules."));
        }
        if self.rules > RULE_LIMIT {
            let message = format!("the policy has more than {RULE_LIMIT} rules");
            return Err(source.problem(at, message, "Join rules that differ in one word into one rule with a list."));
        }
        self.token(source, at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Option<String> {
        check(Source { file: "p", text }).err().map(|problem| problem.message)
    }

    #[test]
    fn an_ordinary_text_passes() {
        assert_eq!(message("// (((\n@id(\"a;(\\\"\") permit (principal, action, resource);"), None);
        assert_eq!(message(&"permit (principal, action, resource);".repeat(RULE_LIMIT)), None);
    }

    #[test]
    fn each_bound_is_named_when_it_is_passed() {
        assert!(message(&" ".repeat(TEXT_LIMIT + 1)).unwrap().contains("larger than 256 KiB"));
        assert!(message(&"permit(principal,action,resource);".repeat(RULE_LIMIT + 1)).unwrap().contains("512 rules"));
        assert!(message(&"(".repeat(DEPTH_LIMIT + 1)).unwrap().contains("nested"));
        assert!(message(&"a,".repeat(TOKEN_LIMIT)).unwrap().contains("words and signs"));
        for operator in ["!a ", "a || ", "a + ", "if a then b else "] {
            assert!(message(&operator.repeat(OPERATOR_LIMIT + 1)).unwrap().contains("200 operators"), "{operator}");
            assert_eq!(message(&operator.repeat(OPERATOR_LIMIT)), None, "{operator}");
        }
    }
}
