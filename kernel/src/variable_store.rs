pub const VARIABLE_CHANGED_TYPE: &str = "EVCXR_VARIABLE_CHANGED_TYPE:";
pub const USER_ERROR_OCCURRED: &str = "EVCXR_ERROR_OCCURRED";

// A linked list, since it is compiled in every cell: evcxr's hash map brings 200 functions, this one 20.
// Entries stay when their values are taken, so that putting a variable back needs no new entry.
pub struct VariableStore {
    first: Option<Box<Entry>>,
}

struct Entry {
    name: String,
    value: Option<Box<dyn std::any::Any>>,
    next: Option<Box<Entry>>,
}

impl VariableStore {
    pub fn new() -> VariableStore {
        VariableStore { first: None }
    }
    pub fn put_variable<T: 'static>(&mut self, name: &str, value: T) {
        self.put(name, Box::new(value));
    }
    pub fn check_variable<T: 'static>(&mut self, name: &str) -> bool {
        match self.get(name) {
            Some(value) if !value.is::<T>() => {
                report_type_change(name);
                false
            }
            _ => true,
        }
    }
    pub fn take_variable<T: 'static>(&mut self, name: &str) -> T {
        match self.take(name).downcast() {
            Ok(value) => *value,
            Err(_) => panic!("Variable changed type"),
        }
    }
    pub fn lazy_arc<T: 'static, F: FnOnce() -> T>(
        &mut self,
        name: &str,
        create: F,
    ) -> std::sync::Arc<T> {
        if self.get(name).is_none() {
            self.put(name, Box::new(std::sync::Arc::new(create())));
        }
        match self.get(name).and_then(|value| value.downcast_ref()) {
            Some(value) => std::sync::Arc::clone(value),
            None => panic!("lazy_arc {name} changed type"),
        }
    }
    pub fn merge(&mut self, other: VariableStore) {
        let mut rest = other.first;
        while let Some(entry) = rest {
            if let Some(value) = entry.value {
                self.put(&entry.name, value);
            }
            rest = entry.next;
        }
    }
    fn find(&mut self, name: &str) -> Option<&mut Entry> {
        let mut rest = &mut self.first;
        while let Some(entry) = rest {
            if entry.name == name {
                return Some(entry);
            }
            rest = &mut entry.next;
        }
        None
    }
    fn get(&mut self, name: &str) -> Option<&dyn std::any::Any> {
        match self.find(name) {
            Some(entry) => entry.value.as_deref(),
            None => None,
        }
    }
    fn take(&mut self, name: &str) -> Box<dyn std::any::Any> {
        if let Some(entry) = self.find(name)
            && let Some(value) = entry.value.take()
        {
            return value;
        }
        panic!("Variable '{name}' has gone missing");
    }
    fn put(&mut self, name: &str, value: Box<dyn std::any::Any>) {
        if let Some(entry) = self.find(name) {
            entry.value = Some(value);
            return;
        }
        let next = self.first.take();
        self.first = Some(Box::new(Entry {
            name: name.to_owned(),
            value: Some(value),
            next,
        }));
    }
}

#[cold]
fn report_type_change(name: &str) {
    eprintln!("The type of the variable {name} was redefined, so was lost.");
    println!("{VARIABLE_CHANGED_TYPE}{name}");
}

pub fn create_variable_store() -> *mut VariableStore {
    Box::into_raw(Box::new(VariableStore::new()))
}
